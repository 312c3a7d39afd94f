//! Acknowledging: a person says that they have seen an alert, and it goes to no further channel.

use std::rc::Rc;

use actix::{Context, Handler, Message, MessageResult};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tripline_engine::fault::IncidentId;
use tripline_engine::journal::AlertStep;
use tripline_engine::messages::alert::{Alert, Facts, Phase, Severity};
use tripline_engine::time::Timestamp;

use super::actor::AlertActor;
use super::ladder::Climbing;

/// A person has seen an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Message)]
#[rtype(result = "Result<Vec<OpenAlert>, NotAcknowledged>")]
pub struct Acknowledge {
    /// The id that the alert tells, with or without `#`, or `all`.
    pub id: String,
    /// Who, for the journal and the other channels.
    pub by: String,
}

/// Why nothing was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no alert waits to be acknowledged as '{id}'")]
pub struct NotAcknowledged {
    pub id: String,
}

/// Asks which alerts wait to be acknowledged, the oldest first.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<OpenAlert>")]
pub struct ReadOpen;

/// An alert that waits to be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAlert {
    pub id: String,
    pub severity: Severity,
    pub title: String,
    pub at: Timestamp,
    /// Whether any channel has taken it.
    pub delivered: bool,
}

impl From<&Climbing> for OpenAlert {
    fn from(climbing: &Climbing) -> Self {
        Self {
            id: climbing.name.clone(),
            severity: climbing.alert.severity,
            title: climbing.alert.title.clone(),
            at: climbing.alert.at,
            delivered: climbing.is_delivered,
        }
    }
}

impl Handler<Acknowledge> for AlertActor {
    type Result = Result<Vec<OpenAlert>, NotAcknowledged>;

    fn handle(&mut self, order: Acknowledge, ctx: &mut Context<Self>) -> Self::Result {
        let Acknowledge { id, by } = order;
        let name = id.trim().trim_start_matches('#').to_owned();
        // An incident that repeats an earlier one is acknowledged under that one's number.
        let number = name.parse().map(IncidentId).ok();
        let trouble = number.and_then(|number| self.incidents.acknowledge(number));
        let first = trouble.as_ref().and_then(|alert| alert.incident);
        let first = first.map(|incident| incident.0.to_string());
        let is_meant = |climbing: &Climbing| {
            name == "all" || climbing.name == name || Some(&climbing.name) == first.as_ref()
        };
        let taken = self.ladder.take(is_meant);
        if taken.is_empty() {
            return Err(NotAcknowledged { id });
        }
        let now = self.clock.now();
        for (key, climbing) in &taken {
            let step = AlertStep::Acknowledged { by: by.clone() };
            self.memo.note(*key, &climbing.alert, step, now);
            self.owed.delivered(key);
            self.acknowledged.extend(climbing.alert.incident);
            if let Some(incident) = climbing.alert.incident {
                self.incidents.acknowledge(incident);
            }
            log::warn!(actor = "alert"; "{} acknowledged by {by}: {}", climbing.name, climbing.alert.title);
            self.tell(seen_by(&climbing.alert, &climbing.name, &by, now), ctx);
        }
        self.arm(ctx);
        Ok(taken.iter().map(|(_, climbing)| climbing.into()).collect())
    }
}

fn seen_by(alert: &Rc<Alert>, name: &str, by: &str, now: Timestamp) -> Alert {
    Alert {
        kind: alert.kind,
        scope: alert.scope,
        strategy: alert.strategy,
        incident: alert.incident,
        live: alert.live,
        facts: Facts {
            phase: Phase::Acknowledged,
            instrument: alert.facts.instrument,
            ..Facts::default()
        },
        ..Alert::new(
            Severity::Info,
            format!("{name} acknowledged by {by}: {}", alert.title),
            now,
        )
    }
}

impl Handler<ReadOpen> for AlertActor {
    type Result = MessageResult<ReadOpen>;

    fn handle(&mut self, _: ReadOpen, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.ladder.waiting().map(OpenAlert::from).collect())
    }
}
