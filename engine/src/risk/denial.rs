//! Why this engine refuses an order. The venue's own refusals are rejections.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

use super::scope::LimitScope;
use crate::fault::FaultKind;
use crate::halt::HaltLevel;
use crate::instrument::FilterViolation;
use crate::order::TermsError;

macro_rules! rules {
    ($($(#[$doc:meta])+ $variant:ident = $code:literal),+ $(,)?) => {
        /// A rule with a limit, by its stable code. The number is that of the control in the engine's list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $($(#[$doc])+ #[serde(rename = $code)] $variant),+
        }

        impl Rule {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

rules! {
    /// A sum or product left the range of the decimals.
    Range = "C00_RANGE",
    /// The price is further beyond the reference than this, in percent.
    CollarPercent = "C01_COLLAR_PERCENT",
    /// The price is further beyond the reference than this, in ticks.
    CollarTicks = "C01_COLLAR_TICKS",
    /// The strategy's own prices have wandered too far within the window.
    PriceDrift = "C02_PRICE_DRIFT",
    /// The quantity is below this.
    MinQuantity = "C03_MIN_QUANTITY",
    /// The quantity is above this.
    MaxQuantity = "C03_MAX_QUANTITY",
    /// Price times quantity is below this.
    MinNotional = "C04_MIN_NOTIONAL",
    /// Price times quantity is above this.
    MaxNotional = "C04_MAX_NOTIONAL",
    /// New orders within a second.
    NewPerSecond = "C05_NEW_PER_SECOND",
    /// New orders within a minute.
    NewPerMinute = "C05_NEW_PER_MINUTE",
    /// Amendments within a second.
    AmendsPerSecond = "C05_AMENDS_PER_SECOND",
    /// Amendments within a minute.
    AmendsPerMinute = "C05_AMENDS_PER_MINUTE",
    /// Cancels of a day, UTC; told, never refused.
    CancelsPerDay = "C06_CANCELS_PER_DAY",
    /// Orders of a day for each fill; told, never refused.
    OrdersPerFill = "C06_ORDERS_PER_FILL",
    /// Orders of one side within the window.
    RepeatedOrders = "C07_REPEATED_ORDERS",
    /// Fills of one side within the window.
    RepeatedFills = "C07_REPEATED_FILLS",
    /// The long position if every buy order fills.
    MaxLong = "C08_MAX_LONG",
    /// The short position if every sell order fills.
    MaxShort = "C08_MAX_SHORT",
    /// The sum of all positions at their worst, without their signs.
    GrossExposure = "C09_MAX_GROSS_EXPOSURE",
    /// The sum of all positions at their worst, with their signs.
    NetExposure = "C09_MAX_NET_EXPOSURE",
    /// An amount has no price in the asset that money limits are in.
    NotPriced = "C09_NOT_PRICED",
    /// The same side, price and size again, too soon.
    Duplicate = "C10_DUPLICATE_ORDER",
    /// It would, or could, trade with an own order.
    SelfTrade = "C11_SELF_TRADE",
    /// Lost since the day began, UTC.
    DayLoss = "C12_DAY_LOSS",
    /// Lost since the peak.
    Drawdown = "C12_DRAWDOWN",
    /// Orders that are, or may be, open.
    OpenOrders = "C13_MAX_OPEN_ORDERS",
    /// How long an order rests.
    OrderAge = "C14_MAX_ORDER_AGE",
    /// Orders of which nobody knows whether the venue has them.
    Uncertain = "C15_MAX_UNCERTAIN",
    /// Answers in a row that took too long.
    SlowAnswers = "C18_SLOW_ANSWERS",
    /// The instrument is not allowed.
    Instrument = "C20_INSTRUMENT",
    /// The side is not allowed.
    Side = "C20_SIDE",
    /// The order type is not allowed.
    OrderType = "C20_ORDER_TYPE",
    /// Outside the trading hours.
    Hours = "C21_TRADING_HOURS",
    /// Free space on the disk of the journal.
    FreeDisk = "C27_MIN_FREE_DISK",
}

impl Rule {
    /// The fault that a denial by this rule is as well, beside the denial.
    #[must_use]
    pub const fn fault(self) -> Option<FaultKind> {
        match self {
            Self::PriceDrift => Some(FaultKind::PriceDrift),
            Self::RepeatedOrders | Self::RepeatedFills => Some(FaultKind::RepeatedExecution),
            Self::NewPerSecond
            | Self::NewPerMinute
            | Self::AmendsPerSecond
            | Self::AmendsPerMinute => Some(FaultKind::MessageRate),
            _ => None,
        }
    }

    /// Whether it is about too many messages.
    #[must_use]
    pub const fn throttles(self) -> bool {
        matches!(
            self,
            Self::NewPerSecond | Self::NewPerMinute | Self::AmendsPerSecond | Self::AmendsPerMinute
        )
    }

    /// Whether the same order may pass later, when time has gone by or other orders have ended.
    #[must_use]
    pub const fn passes(self) -> bool {
        self.throttles()
            || matches!(
                self,
                Self::Duplicate
                    | Self::SelfTrade
                    | Self::Uncertain
                    | Self::OpenOrders
                    | Self::MaxLong
                    | Self::MaxShort
                    | Self::GrossExposure
                    | Self::NetExposure
                    | Self::NotPriced
                    | Self::Hours
            )
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A limit that an order would break.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("code={rule} value={value} limit={limit} scope={scope}")]
pub struct Denial {
    pub rule: Rule,
    /// What it would have been with the order.
    pub value: String,
    pub limit: String,
    /// Where the limit is set: of several, the strictest.
    pub scope: LimitScope,
}

/// Why this engine refuses an order. As text it begins with its code, `code=C16_STALE_DATA market data …`.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum DenialReason {
    Halted(HaltLevel),
    NotReady,
    PrivateStreamDown,
    StaleData,
    ClockOffset,
    InstrumentFrozen,
    UnknownInstrument(String),
    Terms(String),
    Filter(#[from] FilterViolation),
    DuplicateId,
    RateLimited(String),
    NotConnected(String),
    NotJournaled(String),
    Stopping,
    /// A limit that was set for this engine.
    Limit(Box<Denial>),
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self, Self::Limit(_)) {
            write!(f, "code={} ", self.code())?;
        }
        match self {
            Self::Halted(level) => write!(f, "halted: {level}"),
            Self::NotReady => f.write_str("the strategy is not ready: its start has not finished"),
            Self::PrivateStreamDown => f.write_str("the private stream is down"),
            Self::StaleData => f.write_str("market data of the instrument is not fresh"),
            Self::ClockOffset => f.write_str("the clock offset is out of bounds or not known"),
            Self::InstrumentFrozen => f.write_str("an order on this instrument is uncertain"),
            Self::UnknownInstrument(symbol) => {
                write!(f, "instrument {symbol} is not configured")
            }
            Self::Terms(problem) => f.write_str(problem),
            Self::Filter(violation) => write!(f, "{violation}"),
            Self::DuplicateId => f.write_str("the client order id was used before"),
            Self::RateLimited(text) => write!(f, "the venue's limit is reached: {text}"),
            Self::NotConnected(text) => write!(f, "no connection to the venue: {text}"),
            Self::NotJournaled(text) => write!(f, "it cannot be written down: {text}"),
            Self::Stopping => f.write_str("the engine is stopping"),
            Self::Limit(denial) => write!(f, "{denial}"),
        }
    }
}

impl DenialReason {
    /// The stable code, as scripts and the journal have it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Halted(_) => "C24_HALTED",
            Self::NotReady => "NOT_READY",
            Self::PrivateStreamDown => "C26_PRIVATE_STREAM_DOWN",
            Self::StaleData => "C16_STALE_DATA",
            Self::ClockOffset => "C17_CLOCK_OFFSET",
            Self::InstrumentFrozen => "C15_INSTRUMENT_FROZEN",
            Self::UnknownInstrument(_) => "C20_UNKNOWN_INSTRUMENT",
            Self::Terms(_) => "TERMS",
            Self::Filter(_) => "VENUE_FILTER",
            Self::DuplicateId => "C10_DUPLICATE_ID",
            Self::RateLimited(_) => "VENUE_RATE_LIMIT",
            Self::NotConnected(_) => "NOT_CONNECTED",
            Self::NotJournaled(_) => "C27_NOT_JOURNALED",
            Self::Stopping => "STOPPING",
            Self::Limit(denial) => denial.rule.code(),
        }
    }

    /// The limit that it would break.
    #[must_use]
    pub const fn limit(&self) -> Option<&Denial> {
        match self {
            Self::Limit(denial) => Some(denial),
            _ => None,
        }
    }
}

impl From<TermsError> for DenialReason {
    fn from(error: TermsError) -> Self {
        Self::Terms(error.to_string())
    }
}

impl From<Box<Denial>> for DenialReason {
    fn from(denial: Box<Denial>) -> Self {
        Self::Limit(denial)
    }
}
