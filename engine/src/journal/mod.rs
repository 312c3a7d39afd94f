//! The journal's vocabulary: what is written down ([`JournalRecord`]), what it adds up to
//! ([`JournalState`]), how writing fails ([`JournalError`]) and the port by which actors write
//! ([`JournalPort`]). Where the bytes go is the business of the actors.

mod alerts;
mod balances;
mod error;
mod flattened;
mod halts;
mod limits;
mod memory;
mod orders;
mod pairs;
mod positions;
mod record;
mod state;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ports::Answer;
use crate::time::Timestamp;

pub use alerts::{AlertsMemory, DueAlert};
pub use balances::BalancesMemory;
pub use error::{Damage, JournalError};
pub use flattened::{Flattened, Left};
pub use halts::{HaltsMemory, ScopeMemory};
pub use limits::{Denied, LimitSet, LimitsMemory, LossMarked, Tripped};
pub use memory::MemoryJournal;
pub use orders::{OrderMemory, OrdersMemory, Settled};
pub use positions::PositionsMemory;
pub use record::{
    AlertKey, AlertStep, Alerted, Answered, BalancesTaken, Compared, Damaged, Ending, Filled,
    ForeignSeen, Found, Halted, Intent, JournalRecord, Moved, Occasion, PlacementAnswer,
    RECORD_VERSION, Reconciled, Reconciliation, Reported, Resolved, Resumed, RunEnded, RunStarted,
    Sent, Taken, Traded, Uncertain,
};
pub use state::{JournalState, LastRun, STATE_VERSION};

/// The place of a record in the journal, from 1, without gaps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a record that was appended survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The death of the process, `kill -9` included; not a power failure.
    #[default]
    Process,
    /// A power failure too, once [`JournalPort::durable`] has answered.
    Power,
}

/// Writing to the journal. Several may write; the records stand in one order.
pub trait JournalPort {
    /// Appends the records in this order, with one write, and returns the place of the last. When it
    /// returns, they survive the death of the process. It never waits for a thread or for the disk.
    ///
    /// An intent is appended before its order is sent, and the order is sent only if this succeeded and
    /// [`JournalPort::durable`] has nothing to wait for, or has answered. Everything else is appended
    /// after the send.
    ///
    /// # Errors
    /// [`JournalError`]: the caller halts. After a failure of the store behind the journal, intents are
    /// refused, while what happened to orders and halts is still taken as long as there is room.
    fn append(&self, records: &[JournalRecord], at: Timestamp) -> Result<Sequence, JournalError>;

    /// What has to be waited for until the records up to `through` survive what the journal's
    /// [`Durability`] promises; `None` when they do already.
    fn durable(&self, through: Sequence) -> Option<Answer<Result<(), JournalError>>>;

    /// Whether intents are taken.
    ///
    /// # Errors
    /// The first failure.
    fn health(&self) -> Result<(), JournalError>;
}
