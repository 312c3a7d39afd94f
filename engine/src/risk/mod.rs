//! The check before every order. Only [`approve`] makes an [`Approved`], and only that goes to the wire.
//!
//! An order passes the preconditions, its own terms, the venue's filters and every limit that is set
//! ([`RiskLimits`]), in this order. A limit is one field of [`Limits`] and one function in `rules/`; what the rules
//! remember is in [`RiskState`]. Several limits of one rule may hold for an order, because each can be set globally,
//! for the account, for a strategy and for an instrument: the strictest denies, and is named.

mod account;
mod denial;
mod footprint;
mod hours;
mod limits;
mod loss;
mod own_book;
mod recent;
mod rules;
mod scope;
mod state;
mod table;
mod usage;
mod value;
mod watching;
mod windows;
mod worth;

pub use denial::{Denial, DenialReason, Rule};
pub use hours::TradingHours;
pub use limits::{Change, LimitError, Limits, RiskTable};
pub use loss::{LossMark, Observed};
pub use scope::{LimitScope, NoScope};
pub use state::RiskState;
pub use table::{RiskLimits, Unlimited};
pub use usage::{InstrumentUsage, ScopeUsage, Usage};
pub use value::{LimitValue, Percent, Span};

use rust_decimal::Decimal;

use crate::fault::FaultKind;
use crate::halt::{HaltLevel, Purpose};
use crate::ids::{StrategyId, Symbol};
use crate::instrument::{Instrument, OpenCounts};
use crate::messages::order::PlaceOrder;
use crate::money::Price;
use crate::order::Side;
use crate::planted::{self, Planted};
use crate::time::Timestamp;

/// A rule that was tripped by what has happened, not by what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    pub rule: Rule,
    /// The fault that it is.
    pub kind: FaultKind,
    pub strategy: Option<StrategyId>,
    pub symbol: Option<Symbol>,
    pub side: Option<Side>,
    pub value: String,
    pub limit: String,
    pub scope: LimitScope,
}

/// What must hold before any order goes out, as the gateway sees it at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preconditions {
    pub level: HaltLevel,
    /// What the order is for.
    pub purpose: Purpose,
    pub private_stream_live: bool,
    pub clock_good: bool,
    pub instrument_frozen: bool,
    pub stopping: bool,
}

/// The proof that a command passed the check. It cannot be made elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved<T> {
    order: T,
    purpose: Purpose,
}

impl<T> Approved<T> {
    pub fn get(&self) -> &T {
        &self.order
    }

    /// What the check found it to be for: the gate at the socket goes by it.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }
}

/// What an order is held against.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub instrument: &'a Instrument,
    /// The last price, while the instrument's data is fresh; the venue's percent and market-notional filters and the
    /// collar are held against it.
    pub reference: Option<Price>,
    pub open: OpenCounts,
    pub preconditions: Preconditions,
    pub risk: &'a RiskState,
    pub now: Timestamp,
}

/// Checks one order: the preconditions, its terms, the instrument's filters and the limits.
///
/// # Errors
/// The first [`DenialReason`] that applies.
pub fn approve(
    order: PlaceOrder,
    situation: Situation<'_>,
) -> Result<Approved<PlaceOrder>, DenialReason> {
    let Preconditions { level, purpose, .. } = situation.preconditions;
    if !level.lets(purpose, false) && !planted::is(Planted::LatchAskedEarly) {
        return Err(DenialReason::Halted(level));
    }
    let reference = check(&order, &situation)?;
    let Situation {
        instrument,
        risk,
        now,
        ..
    } = situation;
    risk.check(order.strategy, &order.terms, instrument, reference, now)?;
    Ok(Approved { order, purpose })
}

/// Checks an exit of a flatten: as any order, and that it takes no more than `room`, base asset. No halt and no limit
/// holds it back, because it undoes what those are there to bound; the gate lets it through as long as its flatten
/// goes on.
///
/// # Errors
/// The first [`DenialReason`] that applies.
pub(crate) fn approve_exit(
    order: PlaceOrder,
    room: Decimal,
    situation: Situation<'_>,
) -> Result<Approved<PlaceOrder>, DenialReason> {
    if order.terms.quantity.value() > room {
        return Err(DenialReason::Halted(situation.preconditions.level));
    }
    check(&order, &situation)?;
    let purpose = Purpose::Exit;
    Ok(Approved { order, purpose })
}

/// What every order needs, whatever it is for. Gives the fresh reference price.
fn check(order: &PlaceOrder, situation: &Situation<'_>) -> Result<Price, DenialReason> {
    let Situation {
        instrument,
        reference,
        open,
        preconditions,
        ..
    } = situation;
    let reference = hold(*preconditions, *reference)?;
    order.terms.check_terms()?;
    instrument.check(&order.terms, Some(reference), *open)?;
    Ok(reference)
}

fn hold(preconditions: Preconditions, reference: Option<Price>) -> Result<Price, DenialReason> {
    let Preconditions {
        private_stream_live,
        clock_good,
        instrument_frozen,
        stopping,
        ..
    } = preconditions;
    let refusals = [
        (stopping, DenialReason::Stopping),
        (
            !private_stream_live && !planted::is(Planted::PrivateStreamNotNeeded),
            DenialReason::PrivateStreamDown,
        ),
        (!clock_good, DenialReason::ClockOffset),
        (reference.is_none(), DenialReason::StaleData),
        (
            instrument_frozen && !planted::is(Planted::FrozenTrades),
            DenialReason::InstrumentFrozen,
        ),
    ];
    match refusals.into_iter().find(|(applies, _)| *applies) {
        Some((_, reason)) => Err(reason),
        None => reference.ok_or(DenialReason::StaleData),
    }
}
