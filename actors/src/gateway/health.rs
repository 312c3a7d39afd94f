//! How the gateway stands, for people and for the gate that a resume passes.

use std::collections::BTreeSet;

use actix::{Context, Handler, Message};
use tripline_engine::desk::DeskHealth;
use tripline_engine::ids::StrategyId;

use super::OrderGateway;

/// Ask the gateway how it stands.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "GatewayHealth")]
pub struct ReadGateway;

/// How the gateway stands.
#[derive(Debug, Clone, Default, actix::MessageResponse)]
pub struct GatewayHealth {
    pub desk: DeskHealth,
    /// Strategies whose start has finished.
    pub ready: BTreeSet<StrategyId>,
    /// Why no order can be handed over, such as a connection that is being made.
    pub unready: Option<String>,
    /// Why the journal takes no intents.
    pub journal_failed: Option<String>,
}

impl Handler<ReadGateway> for OrderGateway {
    type Result = GatewayHealth;

    fn handle(&mut self, _: ReadGateway, _: &mut Context<Self>) -> GatewayHealth {
        let desk = self.desk.health();
        let health = self.journal.health().err().map(|error| error.to_string());
        let ready = self.seats.iter();
        GatewayHealth {
            ready: ready
                .filter(|(_, seat)| seat.readiness.is_told())
                .map(|(strategy, _)| *strategy)
                .collect(),
            unready: self.port.ready().err().map(|error| error.to_string()),
            journal_failed: desk.journal_failed.clone().or(health),
            desk,
        }
    }
}
