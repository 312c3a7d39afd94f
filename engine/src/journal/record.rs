//! The records. Each is plain data that serializes with serde; decimals are texts. What is written once
//! is read for ever: a field is only added with a default, and anything else is a new
//! [`RECORD_VERSION`].

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Denied, Durability, Flattened, LimitSet, LossMarked, Sequence, Tripped};
use crate::halt::Incident;
use std::fmt;

use rust_decimal::Decimal;

use crate::ids::{AccountId, Asset, ClientOrderId, RunId, Symbol, VenueId};
use crate::messages::account::Balance;
use crate::messages::alert::{Alert, Severity};
use crate::messages::control::{ForeignOrders, Resume};
use crate::messages::order::{Execution, Fill, OrderReport, PlaceOrder};
use crate::order::{Side, VenueStatus};
use crate::position::{Drift, Pair, Unclear};
use crate::time::Timestamp;

/// The version of the records that this engine writes. 2 added what the account must hold, and what becomes
/// of alerts that must be acknowledged; 3 what limits refuse, trip and are set to, reactions that flatten, concern
/// another scope or end by themselves, what flattens have come to, and who ordered a resume.
pub const RECORD_VERSION: u16 = 3;

macro_rules! records {
    ($($(#[$doc:meta])+ $variant:ident = $word:literal),+ $(,)?) => {
        /// One entry of the journal.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum JournalRecord {
            $($(#[$doc])+ $variant($variant)),+
        }

        impl JournalRecord {
            /// The word of every kind of record.
            pub const KINDS: &'static [&'static str] = &[$($word),+];

            /// The stable word of the kind.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word),+ }
            }

            /// Writes the record without its kind.
            ///
            /// # Errors
            /// Those of the serializer.
            pub fn serialize_payload<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(body) => body.serialize(serializer)),+ }
            }

            /// Reads what [`Self::serialize_payload`] has written.
            ///
            /// # Errors
            /// Those of the deserializer, and a kind that is not known.
            pub fn deserialize_payload<'de, D: Deserializer<'de>>(
                kind: &str,
                deserializer: D,
            ) -> Result<Self, D::Error> {
                match kind {
                    $($word => $variant::deserialize(deserializer).map(Self::$variant),)+
                    _ => Err(de::Error::custom(format_args!("kind '{kind}' is not known"))),
                }
            }
        }

        $(impl From<$variant> for JournalRecord {
            fn from(body: $variant) -> Self {
                Self::$variant(body)
            }
        })+
    };
}

records! {
    /// The engine started.
    RunStarted = "run_started",
    /// An order is about to be sent.
    Intent = "intent",
    /// It was handed over to the venue's adapter.
    Sent = "sent",
    /// The venue answered the request to place it.
    Answered = "answered",
    /// The venue showed an order: an event of the private stream, or the answer to a query, a cancel or
    /// an amendment.
    Reported = "reported",
    /// A fill was booked; it is delivered once.
    Filled = "filled",
    /// An execution of the account that is not booked to an order of this engine.
    Traded = "traded",
    /// An order was seen on the account that this engine has not placed.
    ForeignSeen = "foreign_seen",
    /// An order of an earlier run was found at the venue that the journal does not know, ended and with fills.
    Found = "found",
    /// A balance moved from outside: a deposit, a withdrawal or a transfer.
    Moved = "moved",
    /// The venue's word on balances was taken over.
    BalancesTaken = "balances_taken",
    /// It is not known whether the venue has the order.
    Uncertain = "uncertain",
    /// How an order ended of which the venue shows nothing.
    Resolved = "resolved",
    /// An incident hit a scope.
    Halted = "halted",
    /// A person lifted the halt of a scope.
    Resumed = "resumed",
    /// A flatten has ended.
    Flattened = "flattened",
    /// What became of an alert.
    Alerted = "alerted",
    /// The engine's orders and balances were held against the venue's.
    Reconciled = "reconciled",
    /// A part of the intake could not be read at the start. It was kept beside the journal.
    Damaged = "damaged",
    /// This engine refused an order.
    Denied = "denied",
    /// A limit was reached by what has happened.
    Tripped = "tripped",
    /// A person changed a limit.
    LimitSet = "limit_set",
    /// From when on a loss counts.
    LossMarked = "loss_marked",
    /// The engine stopped in order.
    RunEnded = "run_ended",
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    pub run: RunId,
    /// The engine's version.
    pub engine: String,
    /// SHA-256 of the configuration, in hexadecimal.
    pub configuration: String,
    pub durability: Durability,
    /// Whether real money is traded.
    pub live: bool,
}

/// The order as it is going to be sent. Appended before the send.
pub type Intent = PlaceOrder;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub id: ClientOrderId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub id: ClientOrderId,
    pub account: AccountId,
    pub answer: PlacementAnswer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacementAnswer {
    Taken(OrderReport),
    /// With the venue's own code and words.
    Refused {
        code: i64,
        text: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    pub account: AccountId,
    pub report: OrderReport,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    pub id: ClientOrderId,
    pub account: AccountId,
    pub venue: VenueId,
    pub symbol: Symbol,
    pub side: Side,
    /// The instrument's assets and precision, by which the fill counts into a position; `None` where they
    /// were not known.
    #[serde(default)]
    pub pair: Option<Pair>,
    pub fill: Fill,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traded {
    pub account: AccountId,
    pub venue: VenueId,
    /// The instrument's symbol, assets and precision.
    pub pair: Pair,
    pub execution: Execution,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub account: AccountId,
    pub report: OrderReport,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignSeen {
    pub account: AccountId,
    pub report: OrderReport,
    /// What was done about it.
    pub policy: ForeignOrders,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub account: AccountId,
    pub asset: Asset,
    /// In units of the asset; below zero what left the account.
    pub change: Decimal,
    /// The venue's time of the movement.
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancesTaken {
    pub account: AccountId,
    pub taken: Taken,
    /// Every fill before this is in the balances.
    pub since: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// The first word: every balance that is not zero.
    First(Vec<Balance>),
    /// A person has looked at what differed.
    Drifts(Vec<Drift>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncertain {
    pub id: ClientOrderId,
    pub cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    pub id: ClientOrderId,
    pub ending: Ending,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// No byte of it left: the latch held it, or there was no connection.
    NotSent { reason: String },
    /// The venue proved, after every delay that could hide the order, not to know it.
    NeverArrived,
    /// It was uncertain, and the venue has shown it; the report is a record of its own.
    Shown { status: VenueStatus },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    pub incident: Incident,
    /// The epoch of the scope when it was written down: at least that of the incident.
    pub epoch: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    #[serde(flatten)]
    pub resume: Resume,
}

/// Which alert: its number in the run that raised it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    pub run: RunId,
    /// Counts the alerts of the run in the order in which they were queued, from 1.
    pub number: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerted {
    pub key: AlertKey,
    pub severity: Severity,
    pub title: String,
    pub step: AlertStep,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStep {
    /// It is due.
    Queued(Alert),
    /// It reached a person's channel.
    Delivered { channel: String },
    /// Every channel gave it up. It stays due.
    Failed { reason: String },
    /// A person must acknowledge it: until then it goes from channel to channel. Since version 2, as
    /// what follows.
    Escalating,
    /// A person has seen it.
    Acknowledged { by: String },
    /// What it told of is over.
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    pub account: AccountId,
    pub occasion: Occasion,
    pub outcome: Reconciliation,
    /// Orders that are, or may be, open.
    pub open_orders: u64,
    #[serde(default)]
    pub balances: Compared,
}

/// What came of holding the balances against the venue's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// It did not come to that.
    #[default]
    NotReached,
    /// There was nothing to hold against the venue's first word.
    Begun,
    Equal,
    /// They differ and go on differing: a fault.
    Differ(Vec<Drift>),
    /// A person had looked at what differs, and the venue's word was taken over.
    TakenOver(Vec<Drift>),
    /// Each time something moved between question and answer.
    Unclear(Unclear),
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReached => f.write_str("not compared"),
            Self::Begun => f.write_str("taken as the beginning"),
            Self::Equal => f.write_str("equal"),
            Self::Differ(drifts) => write!(f, "differ in {} assets", drifts.len()),
            Self::TakenOver(drifts) => write!(f, "taken over for {} assets", drifts.len()),
            Self::Unclear(why) => write!(f, "not clear: {why}"),
        }
    }
}

/// Why orders were held against the venue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    Start,
    Reconnect,
    Periodic,
    Resume,
    /// A person or a program asked for it.
    Demand,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reconciliation {
    Agreed,
    /// What differed, and what was believed.
    Differed {
        details: Vec<String>,
    },
    /// The venue did not tell.
    Failed {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    /// The last record that could be read.
    pub after: Sequence,
    pub reason: String,
    /// Where the unreadable part is kept.
    pub kept_as: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnded {
    pub run: RunId,
    /// Orders that are, or may be, open at the venue.
    pub open_orders: u64,
    /// Whether something was halted at the end.
    pub halted: bool,
}
