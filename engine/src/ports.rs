//! The ports to a venue: what an adapter gives the engine, and the errors it must tell apart.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;

use crate::fault::FaultKind;
use crate::halt::{Gate, HaltLevel};
use crate::ids::{ClientOrderId, Symbol, VenueOrderId};
use crate::instrument::Instrument;
use crate::messages::account::AccountBalances;
use crate::messages::market::{DepthSnapshot, Kline, KlineInterval};
use crate::messages::order::{Execution, Fill, OrderReport, PlaceOrder};
use crate::money::Quantity;
use crate::risk::Approved;
use crate::time::Timestamp;

/// The answer to a request, on its way. Not `Send`: an account's adapter lives on one arbiter.
pub type Answer<T> = Pin<Box<dyn Future<Output = T>>>;

/// What went wrong with a request, told apart by what the caller has to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VenueError {
    /// No connection: nothing was sent.
    #[error("not connected: {0}")]
    Network(String),
    /// A read was not answered in time; asking again is harmless.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The venue may or may not have carried the request out: ask by client order id, never send again.
    #[error("outcome unknown: {0}")]
    UnknownOutcome(String),
    #[error("rate limited: {text}")]
    RateLimited {
        retry_after: Option<Duration>,
        text: String,
    },
    #[error("banned: {text}")]
    Banned {
        retry_after: Option<Duration>,
        text: String,
    },
    #[error("authentication refused ({code}): {text}")]
    Authentication { code: i64, text: String },
    #[error("clock refused ({code}): {text}")]
    Clock { code: i64, text: String },
    #[error("invalid request ({code}): {text}")]
    InvalidRequest { code: i64, text: String },
    /// A definite business refusal.
    #[error("refused ({code}): {text}")]
    Rejected { code: i64, text: String },
    /// The venue does not show the order. After a placement its reads may be stale by some seconds.
    #[error("order unknown to the venue ({code}): {text}")]
    UnknownOrder { code: i64, text: String },
    #[error("venue unavailable: {0}")]
    Maintenance(String),
    /// The answer has another structure than agreed.
    #[error("{what}: {reason}: {fragment}")]
    ChangedData {
        what: String,
        reason: String,
        fragment: String,
    },
    #[error("not JSON (HTTP {status}): {fragment}")]
    NotJson { status: u16, fragment: String },
}

impl VenueError {
    #[must_use]
    pub const fn fault_kind(&self) -> FaultKind {
        match self {
            Self::Network(_) => FaultKind::Network,
            Self::Timeout(_) => FaultKind::Timeout,
            Self::UnknownOutcome(_) => FaultKind::UnknownOutcome,
            Self::RateLimited { .. } => FaultKind::RateLimited,
            Self::Banned { .. } => FaultKind::Banned,
            Self::Authentication { .. } => FaultKind::Authentication,
            Self::Clock { .. } => FaultKind::ClockOffset,
            Self::InvalidRequest { .. } => FaultKind::InvalidRequest,
            Self::Rejected { .. } | Self::UnknownOrder { .. } => FaultKind::VenueRejection,
            Self::Maintenance(_) => FaultKind::Maintenance,
            Self::ChangedData { .. } => FaultKind::ChangedData,
            Self::NotJson { .. } => FaultKind::NotJson,
        }
    }

    /// Whether it passes without anybody's doing: the same question may be answered a moment later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Network(_) | Self::Timeout(_) | Self::Maintenance(_)
        )
    }

    /// The venue's own code and words, where it gave any.
    #[must_use]
    pub fn code_and_text(&self) -> (i64, String) {
        match self {
            Self::Authentication { code, text }
            | Self::Clock { code, text }
            | Self::InvalidRequest { code, text }
            | Self::Rejected { code, text }
            | Self::UnknownOrder { code, text } => (*code, text.clone()),
            other => (0, other.to_string()),
        }
    }
}

/// What became of handing an order to the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceOutcome {
    /// The gate was closed when the first byte would have been written: nothing was sent.
    Held(HaltLevel),
    /// Nothing was sent, because it could not be written down first.
    NotJournaled(String),
    /// Nothing was sent, for a reason on this side: no connection, or the venue's limit is reached.
    NotSent(VenueError),
    /// The venue answered, or its answer is unknown.
    Answered(Result<OrderReport, VenueError>),
}

/// Which order a request is about. The client order id is the key; the venue's number, where known,
/// is a second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRef {
    pub symbol: Symbol,
    pub id: ClientOrderId,
    pub venue_id: Option<VenueOrderId>,
}

/// A stretch of the venue's time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Window {
    /// The longest that a venue is asked for at once (Binance Spot, `allOrders` and `myTrades`).
    pub const LONGEST: Duration = Duration::from_secs(86_400);

    /// Windows of at most [`Window::LONGEST`] that cover this one, oldest first.
    pub fn pieces(self) -> impl Iterator<Item = Self> {
        let mut from = Some(self.from).filter(|from| *from <= self.until);
        std::iter::from_fn(move || {
            let start = from?;
            let end = start.checked_add(Self::LONGEST).unwrap_or(self.until);
            from = Some(end).filter(|end| *end < self.until);
            Some(Self {
                from: start,
                until: end.min(self.until),
            })
        })
    }
}

/// Placing and cancelling. Each call writes to the socket before it returns where the socket takes the
/// bytes at once; the future only waits for the answer.
///
/// Every error of `cancel` and `amend` follows the same rule as placing: what may have reached the
/// venue is [`VenueError::UnknownOutcome`].
pub trait OrderPort {
    /// Looks at the gate ([`Gate::held`]) in the same poll that hands the first byte to the socket.
    fn place(&self, order: &Approved<PlaceOrder>, gate: &Gate) -> Answer<PlaceOutcome>;
    fn cancel(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>>;
    /// Reduces the quantity, keeping priority.
    fn amend(&self, order: OrderRef, quantity: Quantity)
    -> Answer<Result<OrderReport, VenueError>>;
    fn query(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>>;
    /// Open orders of the account, on one symbol or on all; ours and others'.
    fn open_orders(&self, symbol: Option<Symbol>) -> Answer<Result<Vec<OrderReport>, VenueError>>;
    /// Orders of a symbol that were created in the window, open and ended, ours and others', oldest first.
    fn history(
        &self,
        symbol: Symbol,
        window: Window,
    ) -> Answer<Result<Vec<OrderReport>, VenueError>>;
    /// Executions of the account on a symbol in the window, of orders of ours and of others, oldest first.
    fn trades(&self, symbol: Symbol, window: Window) -> Answer<Result<Vec<Execution>, VenueError>>;
    /// All fills of one order.
    fn fills(&self, symbol: Symbol, order: VenueOrderId) -> Answer<Result<Vec<Fill>, VenueError>>;
    fn balances(&self) -> Answer<Result<AccountBalances, VenueError>>;
    /// Whether orders can be handed over now; the reason when not.
    ///
    /// # Errors
    /// [`VenueError::Network`], [`VenueError::RateLimited`], [`VenueError::Banned`] or [`VenueError::Clock`].
    fn ready(&self) -> Result<(), VenueError>;
    /// How long after an order was handed over the venue can still carry the request out or hide the
    /// order from a query. Only later is "unknown" final.
    fn settle_time(&self) -> Duration;
}

/// Listing and cancelling over a connection of its own: what clears an account when the connection for orders,
/// or whoever uses it, does not answer. A cancel of what has ended, or is being cancelled by somebody else, is
/// refused by the venue and harms nothing.
pub trait CancelPort {
    /// Open orders of the account, ours and others'.
    fn open_orders(&self) -> Answer<Result<Vec<OrderReport>, VenueError>>;
    fn cancel(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>>;
    /// Cancels every open order of a symbol, whoever placed it; none open is an empty list.
    fn cancel_all(&self, symbol: Symbol) -> Answer<Result<Vec<OrderReport>, VenueError>>;
    /// How long after an order was handed over a list may still not show it.
    fn settle_time(&self) -> Duration;
}

/// Public data by request.
pub trait MarketPort {
    fn instruments(&self, symbols: &[Symbol]) -> Answer<Result<Vec<Instrument>, VenueError>>;
    /// `limit` levels a side, at most 5000.
    fn depth(&self, symbol: Symbol, limit: u16) -> Answer<Result<DepthSnapshot, VenueError>>;
    /// The newest `limit` klines, oldest first, the last one usually open.
    fn klines(
        &self,
        symbol: Symbol,
        interval: KlineInterval,
        limit: u16,
    ) -> Answer<Result<Vec<Kline>, VenueError>>;
    fn server_time(&self) -> Answer<Result<Timestamp, VenueError>>;
}
