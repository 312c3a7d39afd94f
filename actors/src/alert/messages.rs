//! What the alert actor is told and asked.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use actix::Message;
use tripline_engine::fault::IncidentId;
use tripline_engine::journal::{AlertKey, DueAlert};
use tripline_engine::messages::alert::Alert;

use super::deliver::Retries;
use super::pulse::Pulse;
use super::voice::Voice;

/// Called with an alert that no channel delivered, and with what each channel said. Not called for an
/// alert about exactly that: it would go in a circle.
pub type OnUndelivered = Rc<dyn Fn(&Alert, String)>;

/// How patient the actor is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// In which language, and from where.
    pub voice: Voice,
    /// What is told without a cause; `None` for nothing.
    pub pulse: Option<Pulse>,
    pub retries: Retries,
    /// Whether people can acknowledge here, by a command or a reply.
    pub takes_answers: bool,
    /// Alerts that may wait per channel; critical ones wait beyond it.
    pub capacity: usize,
    /// How often an alert that every channel gave up is tried again.
    pub again: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            voice: Voice::default(),
            pulse: None,
            retries: Retries::default(),
            takes_answers: true,
            capacity: 200,
            again: Duration::from_secs(30),
        }
    }
}

/// Asks for the counters of every channel.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ChannelStats>")]
pub struct AlertStats;

/// Answers when all that was sent before is delivered or has failed, with the counters.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ChannelStats>")]
pub struct Flush;

/// What one channel did so far, in alerts; a summary counts for each alert in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct ChannelStats {
    pub channel: String,
    /// Taken by the other side, by its own word.
    pub delivered: u64,
    /// Given up after the last attempt.
    pub failed: u64,
    /// Dropped because the queue was full.
    pub withheld: u64,
    /// Waiting or on its way.
    pub pending: u64,
    /// Messages that the other side took.
    pub messages: u64,
}

/// Alerts that were due when an earlier run ended: they are sent now, and those that nobody has acknowledged
/// go on from channel to channel.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct DueAlerts {
    pub due: Vec<(AlertKey, DueAlert)>,
    /// Incidents that somebody has seen before.
    pub acknowledged: BTreeSet<IncidentId>,
}

/// Asks how many alerts have reached nobody.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "usize")]
pub struct ReadOwed;
