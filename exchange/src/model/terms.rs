//! The exchange's own words: sides, order types, states and reasons, each with its wire spelling
//! (Binance spot enumerations).

use std::fmt;

/// A moment in microseconds since 1970-01-01 UTC. The model never reads a clock: each call that can
/// change something is told the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Milliseconds since 1970-01-01 UTC, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This moment plus `micros` microseconds.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The spelling on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value with this spelling (case matters); `None` for any other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words!(
    /// The side of an order.
    Side { Buy = "BUY", Sell = "SELL", }
);

impl Side {
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

words!(
    /// The type of an order.
    OrderType {
        Limit = "LIMIT",
        LimitMaker = "LIMIT_MAKER",
        Market = "MARKET",
        StopLoss = "STOP_LOSS",
        StopLossLimit = "STOP_LOSS_LIMIT",
        TakeProfit = "TAKE_PROFIT",
        TakeProfitLimit = "TAKE_PROFIT_LIMIT",
    }
);

impl OrderType {
    /// Whether the order waits for the last trade price to reach its stop price.
    #[must_use]
    pub const fn is_stop(self) -> bool {
        matches!(
            self,
            Self::StopLoss | Self::StopLossLimit | Self::TakeProfit | Self::TakeProfitLimit
        )
    }

    /// Whether the order has a limit price.
    #[must_use]
    pub const fn has_price(self) -> bool {
        matches!(
            self,
            Self::Limit | Self::LimitMaker | Self::StopLossLimit | Self::TakeProfitLimit
        )
    }

    /// Whether the order needs a time in force (the others refuse one).
    #[must_use]
    pub const fn needs_time_in_force(self) -> bool {
        matches!(
            self,
            Self::Limit | Self::StopLossLimit | Self::TakeProfitLimit
        )
    }
}

words!(
    /// How long an order stays.
    TimeInForce { Gtc = "GTC", Ioc = "IOC", Fok = "FOK", }
);

words!(
    /// What happens when an order would trade with another order of the same account. The taker's mode
    /// decides.
    SelfTradePrevention {
        /// Allows the trade. No symbol of this exchange allows the mode, as on the live venue.
        None = "NONE",
        ExpireTaker = "EXPIRE_TAKER",
        ExpireMaker = "EXPIRE_MAKER",
        ExpireBoth = "EXPIRE_BOTH",
        Decrement = "DECREMENT",
        /// Like `DECREMENT` for orders of one account.
        Transfer = "TRANSFER",
    }
);

words!(
    /// The state of an order.
    OrderStatus {
        New = "NEW",
        PartiallyFilled = "PARTIALLY_FILLED",
        Filled = "FILLED",
        Canceled = "CANCELED",
        Rejected = "REJECTED",
        Expired = "EXPIRED",
        ExpiredInMatch = "EXPIRED_IN_MATCH",
    }
);

impl OrderStatus {
    /// Whether the order can still trade, or still waits for its trigger.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

words!(
    /// What an execution report tells (field `x`).
    ExecutionType {
        New = "NEW",
        Canceled = "CANCELED",
        Replaced = "REPLACED",
        Rejected = "REJECTED",
        Trade = "TRADE",
        Expired = "EXPIRED",
        TradePrevention = "TRADE_PREVENTION",
    }
);

words!(
    /// Why the matching engine rejected an order (field `r`).
    RejectReason {
        None = "NONE",
        InsufficientBalances = "INSUFFICIENT_BALANCES",
        StopPriceWouldTriggerImmediately = "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
        WouldMatchImmediately = "WOULD_MATCH_IMMEDIATELY",
    }
);

words!(
    /// Why an order expired (field `eR`, `expiryReason`).
    ExpiryReason {
        /// A stop order could not be placed on the book when it was triggered.
        Rejected = "REJECTED",
        ExchangeCanceled = "EXCHANGE_CANCELED",
        UnfilledIoc = "UNFILLED_IOC_QUANTITY_EXPIRED",
        UnfilledFok = "UNFILLED_FOK_ORDER_EXPIRED",
        InsufficientLiquidity = "INSUFFICIENT_LIQUIDITY",
    }
);

words!(
    /// Whether a symbol trades. Orders are taken in `TRADING` only; cancels also in `HALT` and
    /// `CANCEL_ONLY`.
    SymbolStatus {
        Trading = "TRADING",
        EndOfDay = "END_OF_DAY",
        Halt = "HALT",
        Break = "BREAK",
        CancelOnly = "CANCEL_ONLY",
    }
);

words!(
    /// Which orders a cancel may hit.
    CancelRestriction { OnlyNew = "ONLY_NEW", OnlyPartiallyFilled = "ONLY_PARTIALLY_FILLED", }
);

words!(
    /// Whether cancel-replace goes on to the new order when the cancel fails.
    CancelReplaceMode { StopOnFailure = "STOP_ON_FAILURE", AllowFailure = "ALLOW_FAILURE", }
);

words!(
    /// The length of a candle.
    Interval {
        S1 = "1s",
        M1 = "1m",
        M3 = "3m",
        M5 = "5m",
        M15 = "15m",
        M30 = "30m",
        H1 = "1h",
        H2 = "2h",
        H4 = "4h",
        H6 = "6h",
        H8 = "8h",
        H12 = "12h",
        D1 = "1d",
        D3 = "3d",
        W1 = "1w",
        Month = "1M",
    }
);
