//! The check before every order. Only [`approve`] makes an [`Approved`], and only that goes to the wire.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::halt::HaltLevel;
use crate::instrument::{FilterViolation, Instrument, OpenCounts};
use crate::messages::order::PlaceOrder;
use crate::money::Price;
use crate::order::TermsError;
use crate::planted::{self, Planted};

/// Why this engine refuses an order. The venue's own refusals are rejections.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum DenialReason {
    #[error("halted: {0}")]
    Halted(HaltLevel),
    #[error("the strategy is not ready: its start has not finished")]
    NotReady,
    #[error("the private stream is down")]
    PrivateStreamDown,
    #[error("market data of the instrument is not fresh")]
    StaleData,
    #[error("the clock offset is out of bounds or not known")]
    ClockOffset,
    #[error("an order on this instrument is uncertain")]
    InstrumentFrozen,
    #[error("instrument {0} is not configured")]
    UnknownInstrument(String),
    #[error("{0}")]
    Terms(String),
    #[error("{0}")]
    Filter(#[from] FilterViolation),
    #[error("the client order id was used before")]
    DuplicateId,
    #[error("the venue's limit is reached: {0}")]
    RateLimited(String),
    #[error("no connection to the venue: {0}")]
    NotConnected(String),
    #[error("it cannot be written down: {0}")]
    NotJournaled(String),
    #[error("the engine is stopping")]
    Stopping,
}

impl From<TermsError> for DenialReason {
    fn from(error: TermsError) -> Self {
        Self::Terms(error.to_string())
    }
}

/// What must hold before any order goes out, as the gateway sees it at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preconditions {
    pub level: HaltLevel,
    pub private_stream_live: bool,
    pub data_fresh: bool,
    pub clock_good: bool,
    pub instrument_frozen: bool,
    pub stopping: bool,
}

/// The proof that a command passed the check. It cannot be made elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// Checks one order: the preconditions, its terms and the instrument's filters.
///
/// `reference` is the price against which the venue's percent and market-notional filters are held;
/// without one those filters are left to the venue.
///
/// # Errors
/// The first [`DenialReason`] that applies.
pub fn approve(
    order: PlaceOrder,
    instrument: &Instrument,
    reference: Option<Price>,
    open: OpenCounts,
    preconditions: Preconditions,
) -> Result<Approved<PlaceOrder>, DenialReason> {
    let Preconditions {
        level,
        private_stream_live,
        data_fresh,
        clock_good,
        instrument_frozen,
        stopping,
    } = preconditions;
    // Positions begin flat with the run, so nothing proves that an order reduces what the account held
    // before: reduce-only refuses all orders.
    let refusals = [
        (
            level > HaltLevel::Active && !planted::is(Planted::LatchAskedEarly),
            DenialReason::Halted(level),
        ),
        (stopping, DenialReason::Stopping),
        (
            !private_stream_live && !planted::is(Planted::PrivateStreamNotNeeded),
            DenialReason::PrivateStreamDown,
        ),
        (!clock_good, DenialReason::ClockOffset),
        (!data_fresh, DenialReason::StaleData),
        (
            instrument_frozen && !planted::is(Planted::FrozenTrades),
            DenialReason::InstrumentFrozen,
        ),
    ];
    if let Some((_, reason)) = refusals.into_iter().find(|(applies, _)| *applies) {
        return Err(reason);
    }
    order.terms.check_terms()?;
    instrument.check(&order.terms, reference, open)?;
    Ok(Approved(order))
}
