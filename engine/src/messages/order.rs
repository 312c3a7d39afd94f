//! Order commands (imperative), what the venue shows ([`OrderReport`]) and order events (past tense).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, Asset, ClientOrderId, StrategyId, Symbol, TradeId, VenueOrderId};
use crate::money::{Notional, Price, Quantity};
use crate::order::{NewOrder, Order, Side, VenueStatus};
use crate::risk::DenialReason;
use crate::time::Timestamp;

use super::message;

message! {
    /// Place an order. The id is made before anything is sent and is known to the strategy at once.
    #[derive(Copy, PartialEq, Eq)]
    pub struct PlaceOrder {
        pub id: ClientOrderId,
        pub strategy: StrategyId,
        pub account: AccountId,
        pub terms: NewOrder,
        pub created: Timestamp,
    }
}

message! {
    /// Cancel one order of the strategy.
    #[derive(Copy, PartialEq, Eq)]
    pub struct CancelOrder {
        pub id: ClientOrderId,
        pub strategy: StrategyId,
    }
}

message! {
    /// Reduce an order's quantity in place, keeping its priority (Binance `order/amend/keepPriority`).
    #[derive(Copy, PartialEq, Eq)]
    pub struct AmendOrder {
        pub id: ClientOrderId,
        pub strategy: StrategyId,
        /// Below the current quantity and above what is executed; base asset.
        pub quantity: Quantity,
    }
}

message! {
    /// Cancel every open order of the strategy, on one symbol or on all. Orders of other strategies
    /// on the account are left alone.
    #[derive(Copy, PartialEq, Eq)]
    pub struct CancelAll {
        pub strategy: StrategyId,
        pub symbol: Option<Symbol>,
    }
}

message! {
    /// One execution.
    #[derive(PartialEq, Eq)]
    pub struct Fill {
        pub trade_id: TradeId,
        pub price: Price,
        /// Base asset.
        pub quantity: Quantity,
        /// In units of `fee_asset`; negative for a rebate.
        pub fee: Decimal,
        pub fee_asset: Option<Asset>,
        /// Whether this side rested; `None` where the venue's answer does not tell.
        pub maker: Option<bool>,
        /// The venue's time of the trade.
        pub at: Timestamp,
        /// Found by a query after it was missed on the private stream.
        pub recovered: bool,
    }
}

message! {
    /// One execution of the account, of an order of ours or of anybody's.
    #[derive(PartialEq, Eq)]
    pub struct Execution {
        pub order: VenueOrderId,
        pub side: Side,
        pub fill: Fill,
    }
}

/// How the engine learnt what a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportSource {
    /// The answer to a request of ours.
    Answer,
    /// The private stream.
    Event,
    /// The answer to a query.
    Query,
}

message! {
    /// What the venue shows of one order, whatever the source. It never carries the id of a cancel:
    /// `id` is the order's own (Binance: `C` when it is not empty, else `c`).
    #[derive(PartialEq, Eq)]
    pub struct OrderReport {
        pub id: ClientOrderId,
        pub symbol: Symbol,
        pub venue_id: VenueOrderId,
        /// Where the source carries it, also of order types that this engine does not send.
        #[serde(default)]
        pub side: Option<Side>,
        /// The order's terms, where the source carries them (an acknowledgement may not).
        pub terms: Option<NewOrder>,
        pub status: VenueStatus,
        /// The order quantity now (reduced by an amendment), base asset.
        pub quantity: Quantity,
        /// Cumulative, base asset.
        pub executed: Quantity,
        /// Cumulative, quote asset; `None` where the answer does not tell.
        pub executed_notional: Option<Notional>,
        /// The venue's reject or expiry reason.
        pub reason: Option<String>,
        /// Fills that the report itself carries.
        pub fills: Vec<Fill>,
        pub source: ReportSource,
        pub at: Timestamp,
    }
}

/// What happened to an order. Denied is us, rejected is the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEventKind {
    /// Handed to the socket.
    Submitted,
    /// This engine refused it; nothing was sent.
    Denied {
        reason: DenialReason,
    },
    /// The venue has it.
    Accepted,
    /// The venue refused it, with its own code and words.
    Rejected {
        code: i64,
        text: String,
    },
    /// It is not known whether the venue has it. Do nothing: the engine finds out.
    Uncertain {
        cause: String,
    },
    PartiallyFilled,
    /// As every end, told when each fill has been delivered.
    Filled,
    /// The cancel was asked for; the order may still fill.
    CancelRequested,
    /// The cancel is certain: nothing of the order is left at the venue.
    Canceled,
    /// The order was no longer open, or the venue refused; what it became follows as its own event.
    CancelRejected {
        code: i64,
        text: String,
    },
    /// Ended by the venue's rules, with its reason when it gave one.
    Expired {
        reason: Option<String>,
    },
    Amended {
        quantity: Quantity,
    },
    AmendRejected {
        code: i64,
        text: String,
    },
}

message! {
    /// What happened to an order, with the order as it is afterwards.
    #[derive(PartialEq, Eq)]
    pub struct OrderEvent {
        pub order: Order,
        pub kind: OrderEventKind,
        pub at: Timestamp,
    }
}

message! {
    /// A fill, delivered once, with the order as it is afterwards. Comes before the order event that
    /// tells of the new state.
    #[derive(PartialEq, Eq)]
    pub struct OrderFilled {
        pub order: Order,
        pub fill: Fill,
    }
}
