//! How the engine stands: asked of the actors that know, for people and for the gate that a resume passes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Addr, Recipient};
use tripline_engine::halt::Membership;
use tripline_engine::ids::VenueId;

use crate::gateway::{GatewayHealth, ReadGateway, ReadLimits, SetLimit};
use crate::market_data::{ReadMarket, SymbolHealth};
use crate::safety::Safety;

/// An actor that does not answer within this time is stuck.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// The parts of an engine that trades, for whoever lives on another arbiter.
pub struct Parts {
    pub venue: VenueId,
    /// Every strategy.
    pub members: Vec<Membership>,
    pub gateway: Recipient<ReadGateway>,
    pub market: Recipient<ReadMarket>,
    pub limits: Recipient<ReadLimits>,
    pub set_limit: Recipient<SetLimit>,
    pub safety: Addr<Safety>,
}

/// Filled once, when everything has started.
pub type PartsCell = Arc<OnceLock<Parts>>;

/// How the trading side stands; `None` where an actor did not answer in time.
#[derive(Debug, Clone, Default)]
pub struct Health {
    pub gateway: Option<GatewayHealth>,
    pub market: Option<Vec<SymbolHealth>>,
}

impl Parts {
    /// Asks both, at once.
    pub async fn health(&self) -> Health {
        let gateway = tokio::time::timeout(ANSWERED_WITHIN, self.gateway.send(ReadGateway));
        let market = tokio::time::timeout(ANSWERED_WITHIN, self.market.send(ReadMarket));
        let (gateway, market) = futures_util::future::join(gateway, market).await;
        Health {
            gateway: gateway.ok().and_then(Result::ok),
            market: market.ok().and_then(Result::ok),
        }
    }
}
