//! Whom a fault is raised for: fixed for most kinds, and for the others the scope of what has it.

use std::fmt;

use super::FaultKind;
use crate::halt::Scope;

/// What a scope is of, whichever one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeKind {
    Strategy,
    Instrument,
    Account,
    Venue,
    Global,
}

impl ScopeKind {
    #[must_use]
    pub const fn of(scope: &Scope) -> Self {
        match scope {
            Scope::Strategy(_) => Self::Strategy,
            Scope::Instrument(_) => Self::Instrument,
            Scope::Account(_) => Self::Account,
            Scope::Venue(_) => Self::Venue,
            Scope::Global => Self::Global,
        }
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Strategy => "strategy",
            Self::Instrument => "instrument",
            Self::Account => "account",
            Self::Venue => "venue",
            Self::Global => "everything",
        })
    }
}

impl FaultKind {
    /// The scopes that this engine raises the kind for, narrowest first; one of them where it is fixed, and otherwise
    /// that of the actor, the request or the limit that has it. Beside these a strategy may raise any kind for itself,
    /// and a policy may widen the scope.
    #[must_use]
    pub const fn scopes(self) -> &'static [ScopeKind] {
        use ScopeKind::{Account, Global, Instrument, Strategy, Venue};
        match self {
            Self::StrategyError
            | Self::OrderFailed
            | Self::InitFailed
            | Self::UnknownOutcome
            | Self::OrderUnresolved
            | Self::CanceledElsewhere
            | Self::PriceDrift
            | Self::RepeatedExecution
            | Self::OrderAge => &[Strategy],
            Self::BookBroken | Self::VenueStatus => &[Instrument],
            Self::ClockOffset
            | Self::PrivateStreamDown
            | Self::BalanceDrift
            | Self::UnknownOrder
            | Self::ForeignOrder
            | Self::NotReconciled
            | Self::CancelUnconfirmed
            | Self::EngineSilent => &[Account],
            Self::AlertUndelivered | Self::JournalFailed | Self::DiskLow => &[Global],
            Self::OrderContradiction | Self::PositionUncertain => &[Strategy, Account],
            Self::Network => &[Account, Venue],
            Self::Timeout => &[Strategy, Account, Venue],
            Self::StaleData => &[Instrument, Account],
            Self::RateLimited
            | Self::Banned
            | Self::Authentication
            | Self::VenueRejection
            | Self::Maintenance
            | Self::ChangedData
            | Self::NotJson => &[Instrument, Account, Venue],
            Self::InvalidRequest => &[Strategy, Instrument, Account, Venue],
            Self::MessageRate | Self::OrderRatio => &[Strategy, Instrument, Account, Global],
            Self::LossReduce | Self::LossLimit | Self::LossUnknown => &[Strategy, Account, Global],
            Self::SlowVenue | Self::ArbiterStuck => &[Account, Global],
            Self::ActorPanic | Self::MailboxClosed | Self::MailboxFull => {
                &[Strategy, Account, Venue, Global]
            }
            Self::Manual => &[Strategy, Instrument, Account, Venue, Global],
        }
    }
}
