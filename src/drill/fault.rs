//! What goes wrong in a drill.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;

use crate::running::Running;

/// What goes wrong. On the practice exchange it happens there; elsewhere the engine is told that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum DrillFault {
    /// Market data stops arriving, while connections stay open
    #[default]
    StaleData,
    /// An order's answer is lost, while the venue has the order
    UnknownOutcome,
    /// The private stream goes down and does not come back
    PrivateStreamDown,
    /// A person halts everything
    Manual,
}

impl DrillFault {
    /// What the engine has to find.
    pub(crate) const fn kind(self) -> FaultKind {
        match self {
            Self::StaleData => FaultKind::StaleData,
            Self::UnknownOutcome => FaultKind::UnknownOutcome,
            Self::PrivateStreamDown => FaultKind::PrivateStreamDown,
            Self::Manual => FaultKind::Manual,
        }
    }

    /// What is done to the practice exchange.
    pub(super) fn lever(self) -> Option<Value> {
        match self {
            Self::StaleData => Some(json!({ "kind": "silence" })),
            Self::UnknownOutcome => Some(json!({
                "kind": "timeout", "operation": "order.place", "ms": 200, "live": true,
            })),
            Self::PrivateStreamDown => Some(json!({ "kind": "user_data_down" })),
            Self::Manual => None,
        }
    }

    /// Tells the engine that it has happened.
    pub(super) fn raise(self, running: &Running) {
        let account = Scope::Account(running.settings.account);
        let members = running.seats.iter().map(|seat| &seat.membership);
        let strategy = members
            .clone()
            .next()
            .map(|one| Scope::Strategy(one.strategy));
        let mut instruments = members.flat_map(|one| one.instruments.list());
        let instrument = instruments.next().map(Scope::Instrument);
        let scope = match self {
            Self::StaleData => instrument.unwrap_or(account),
            Self::UnknownOutcome => strategy.unwrap_or(account),
            Self::PrivateStreamDown => account,
            Self::Manual => Scope::Global,
        };
        running.faults.raise(Fault {
            kind: self.kind(),
            scope,
            actor: "drill".into(),
            detail: "a fire drill: this has not happened".into(),
            at: running.clock.now(),
        });
    }
}
