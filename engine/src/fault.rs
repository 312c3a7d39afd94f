//! Faults: what is left in an `Err`. By default each halts its scope.

mod reach;

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::halt::Scope;
use crate::time::Timestamp;

pub use reach::ScopeKind;

macro_rules! fault_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal),+ $(,)?) => {
        /// What went wrong, as a policy or a script can match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $variant),+
        }

        impl FaultKind {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Whether it tells of the market or of the way to it, and is over when the market is there again. Only such
            /// a halt may be lifted without a person.
            #[must_use]
            pub const fn is_of_market(self) -> bool {
                matches!(
                    self,
                    Self::StaleData
                        | Self::BookBroken
                        | Self::Maintenance
                        | Self::PrivateStreamDown
                        | Self::Network
                )
            }

            /// The stable word of the kind, as configuration and alerts use it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What has happened, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim()),+ }
            }
        }
    };
}

fault_kinds! {
    /// A strategy's callback returned an error.
    StrategyError = "strategy_error",
    /// A strategy's own order was rejected by the venue or refused, and it asked for that to be a fault.
    OrderFailed = "order_failed",
    /// A strategy's start did not finish in time.
    InitFailed = "init_failed",
    /// An actor panicked.
    ActorPanic = "actor_panic",
    /// A message could not be delivered: the receiver is gone.
    MailboxClosed = "mailbox_closed",
    /// A message had to wait in the sender: the receiver is overloaded.
    MailboxFull = "mailbox_full",
    /// No connection, and nothing was sent.
    Network = "network",
    /// A read request was not answered in time.
    Timeout = "timeout",
    /// It is not known whether the venue carried out a request.
    UnknownOutcome = "unknown_outcome",
    /// The venue's request or order limit is reached (HTTP 429).
    RateLimited = "rate_limited",
    /// The venue has banned this address for a while (HTTP 418), or a firewall refused it (403).
    Banned = "banned",
    /// Key, signature or permission refused.
    Authentication = "authentication",
    /// The clock differs from the venue's by more than the bound, or could not be measured.
    ClockOffset = "clock_offset",
    /// The venue calls a request of ours malformed.
    InvalidRequest = "invalid_request",
    /// The venue refused a request that should have been possible.
    VenueRejection = "venue_rejection",
    /// The venue is down for maintenance or overloaded.
    Maintenance = "maintenance",
    /// What the venue sent has another structure than agreed.
    ChangedData = "changed_data",
    /// A page instead of JSON.
    NotJson = "not_json",
    /// Market data stopped arriving.
    StaleData = "stale_data",
    /// The local book broke and could not be rebuilt.
    BookBroken = "book_broken",
    /// The private stream is down for longer than its grace period.
    PrivateStreamDown = "private_stream_down",
    /// Two things about an order that cannot both be true.
    OrderContradiction = "order_contradiction",
    /// An order's outcome stays unknown, or fills stay missing.
    OrderUnresolved = "order_unresolved",
    /// A fill could not be counted, so that what its strategy holds is not known for certain.
    PositionUncertain = "position_uncertain",
    /// The account does not hold what it must hold: something moved that this engine was not told of.
    BalanceDrift = "balance_drift",
    /// An order with this engine's mark that the engine does not know.
    UnknownOrder = "unknown_order",
    /// An order on the account that this engine has not placed, where that is refused.
    ForeignOrder = "foreign_order",
    /// An order of a strategy was cancelled by somebody else: a person, `tripline watch`, or the venue.
    CanceledElsewhere = "canceled_elsewhere",
    /// This engine and the venue do not agree on orders or fills, or the venue does not tell.
    NotReconciled = "not_reconciled",
    /// A resting order could not be cancelled and confirmed.
    CancelUnconfirmed = "cancel_unconfirmed",
    /// An alert reached nobody.
    AlertUndelivered = "alert_undelivered",
    /// The journal cannot be written, or not in time: what is not written down is not sent.
    JournalFailed = "journal_failed",
    /// A strategy's own order prices have wandered too far within a window (C02).
    PriceDrift = "price_drift",
    /// A strategy has placed or filled too often on one side within a window (C07).
    RepeatedExecution = "repeated_execution",
    /// So many messages to the venue that orders were refused (C05).
    MessageRate = "message_rate",
    /// Many cancels in a day, or many orders for each fill (C06).
    OrderRatio = "order_ratio",
    /// The loss has reached the limit at which entries stop (C12).
    LossReduce = "loss_reduce",
    /// The loss has reached the limit at which everything stops (C12).
    LossLimit = "loss_limit",
    /// Where a limit of it is set, the loss could not be told for a minute: something that is held has no price (C12).
    LossUnknown = "loss_unknown",
    /// An order has rested for too long, and is cancelled (C14).
    OrderAge = "order_age",
    /// The venue is slow to answer orders (C18).
    SlowVenue = "slow_venue",
    /// The venue does not trade an instrument any more, or trades it again (C19).
    VenueStatus = "venue_status",
    /// The journal's disk is nearly full (C27).
    DiskLow = "disk_low",
    /// The thread on which actors live does not run on: one of them holds it up.
    ArbiterStuck = "arbiter_stuck",
    /// An engine gives no sign of life. Told by `tripline watch`; no engine raises it.
    EngineSilent = "engine_silent",
    /// A person, a signal or a command asked for the halt.
    Manual = "manual",
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Counts the incidents, from 1; a run that goes on from a journal counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// An error that some actor could not deal with, and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub kind: FaultKind,
    /// Whom it halts.
    pub scope: Scope,
    /// The actor that raised it, such as `gateway`.
    pub actor: String,
    /// What happened, with the values that matter; no secrets.
    pub detail: String,
    pub at: Timestamp,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {} ({}): {}",
            self.kind, self.actor, self.scope, self.detail
        )
    }
}
