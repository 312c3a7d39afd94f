//! The terms of an order, as Binance Spot names them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::Symbol;
use crate::money::{Price, Quantity};

macro_rules! venue_words {
    ($(#[$doc:meta])* $name:ident { $($(#[$var_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$var_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that Binance uses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value for one of Binance's words; `None` for a word that is not known.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use venue_words;

venue_words!(
    /// The side of an order or fill, seen from its owner.
    Side { Buy = "BUY", Sell = "SELL" }
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

venue_words!(
    /// Binance Spot order types (OCO and other lists are made of these).
    OrderType {
        Limit = "LIMIT",
        Market = "MARKET",
        /// Rejected when it would take.
        LimitMaker = "LIMIT_MAKER",
        /// Becomes a market order when the last price crosses the stop price against the position.
        StopLoss = "STOP_LOSS",
        StopLossLimit = "STOP_LOSS_LIMIT",
        TakeProfit = "TAKE_PROFIT",
        TakeProfitLimit = "TAKE_PROFIT_LIMIT",
    }
);

impl OrderType {
    #[must_use]
    pub const fn needs_price(self) -> bool {
        matches!(
            self,
            Self::Limit | Self::LimitMaker | Self::StopLossLimit | Self::TakeProfitLimit
        )
    }

    #[must_use]
    pub const fn needs_stop_price(self) -> bool {
        matches!(
            self,
            Self::StopLoss | Self::StopLossLimit | Self::TakeProfit | Self::TakeProfitLimit
        )
    }

    /// Whether the venue wants a time in force; for the others it refuses one (-1106).
    #[must_use]
    pub const fn needs_time_in_force(self) -> bool {
        matches!(
            self,
            Self::Limit | Self::StopLossLimit | Self::TakeProfitLimit
        )
    }
}

venue_words!(
    TimeInForce {
        /// Good till cancelled.
        Gtc = "GTC",
        /// Immediate or cancel: the remainder expires.
        Ioc = "IOC",
        /// Fill or kill: all at once or nothing.
        Fok = "FOK",
    }
);

venue_words!(
    /// Self-trade prevention; the taker's mode decides. Which modes a symbol takes is in its instrument.
    SelfTradePrevention {
        None = "NONE",
        ExpireTaker = "EXPIRE_TAKER",
        ExpireMaker = "EXPIRE_MAKER",
        ExpireBoth = "EXPIRE_BOTH",
        Decrement = "DECREMENT",
        Transfer = "TRANSFER",
    }
);

/// Why the terms of an order contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TermsError {
    #[error("a {order_type} order needs a {what}")]
    Missing {
        order_type: OrderType,
        what: &'static str,
    },
    #[error("a {order_type} order takes no {what}")]
    Surplus {
        order_type: OrderType,
        what: &'static str,
    },
    #[error("the {what} of an order must be above zero")]
    Zero { what: &'static str },
}

/// The terms of an order as a strategy states them; the client order id is added by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    pub symbol: Symbol,
    pub side: Side,
    pub order_type: OrderType,
    /// Base asset.
    pub quantity: Quantity,
    pub price: Option<Price>,
    pub stop_price: Option<Price>,
    pub time_in_force: Option<TimeInForce>,
    /// `None` leaves the symbol's default in force.
    pub self_trade_prevention: Option<SelfTradePrevention>,
}

impl NewOrder {
    fn bare(symbol: Symbol, side: Side, order_type: OrderType, quantity: Quantity) -> Self {
        let time_in_force = order_type.needs_time_in_force().then_some(TimeInForce::Gtc);
        Self {
            symbol,
            side,
            order_type,
            quantity,
            price: None,
            stop_price: None,
            time_in_force,
            self_trade_prevention: None,
        }
    }

    /// A limit order, good till cancelled.
    #[must_use]
    pub fn limit(symbol: Symbol, side: Side, quantity: Quantity, price: Price) -> Self {
        Self {
            price: Some(price),
            ..Self::bare(symbol, side, OrderType::Limit, quantity)
        }
    }

    /// A limit order that is rejected if it would take.
    #[must_use]
    pub fn limit_maker(symbol: Symbol, side: Side, quantity: Quantity, price: Price) -> Self {
        Self {
            price: Some(price),
            ..Self::bare(symbol, side, OrderType::LimitMaker, quantity)
        }
    }

    #[must_use]
    pub fn market(symbol: Symbol, side: Side, quantity: Quantity) -> Self {
        Self::bare(symbol, side, OrderType::Market, quantity)
    }

    /// A stop or take-profit order of the given type; `price` for the `_LIMIT` types only.
    #[must_use]
    pub fn triggered(
        symbol: Symbol,
        side: Side,
        order_type: OrderType,
        quantity: Quantity,
        stop_price: Price,
        price: Option<Price>,
    ) -> Self {
        Self {
            stop_price: Some(stop_price),
            price,
            ..Self::bare(symbol, side, order_type, quantity)
        }
    }

    #[must_use]
    pub fn with_time_in_force(self, time_in_force: TimeInForce) -> Self {
        Self {
            time_in_force: Some(time_in_force),
            ..self
        }
    }

    #[must_use]
    pub fn with_self_trade_prevention(self, mode: SelfTradePrevention) -> Self {
        Self {
            self_trade_prevention: Some(mode),
            ..self
        }
    }

    /// Whether the terms fit the order type (Binance Spot, "Additional mandatory parameters based on type").
    ///
    /// # Errors
    /// [`TermsError`] naming the first term that is missing, surplus or zero.
    pub fn check_terms(&self) -> Result<(), TermsError> {
        let order_type = self.order_type;
        let terms = [
            ("price", order_type.needs_price(), self.price.is_some()),
            (
                "stop price",
                order_type.needs_stop_price(),
                self.stop_price.is_some(),
            ),
            (
                "time in force",
                order_type.needs_time_in_force(),
                self.time_in_force.is_some(),
            ),
        ];
        for (what, needed, given) in terms {
            match (needed, given) {
                (true, false) => return Err(TermsError::Missing { order_type, what }),
                (false, true) => return Err(TermsError::Surplus { order_type, what }),
                _ => {}
            }
        }
        if self.quantity.is_zero() {
            return Err(TermsError::Zero { what: "quantity" });
        }
        if self.price.is_some_and(Price::is_zero) || self.stop_price.is_some_and(Price::is_zero) {
            return Err(TermsError::Zero { what: "price" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_takes_exactly_its_own_terms() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let quantity: Quantity = "1".parse().unwrap();
        let price: Price = "100".parse().unwrap();
        for order_type in OrderType::ALL.iter().copied() {
            let right = NewOrder {
                price: order_type.needs_price().then_some(price),
                stop_price: order_type.needs_stop_price().then_some(price),
                ..NewOrder::bare(symbol, Side::Buy, order_type, quantity)
            };
            assert_eq!(right.check_terms(), Ok(()), "{order_type}");
            let flipped = NewOrder {
                price: right.price.xor(Some(price)),
                ..right
            };
            assert!(
                flipped.check_terms().is_err(),
                "{order_type} with its price flipped"
            );
            let none = NewOrder {
                quantity: Quantity::ZERO,
                ..right
            };
            assert_eq!(
                none.check_terms(),
                Err(TermsError::Zero { what: "quantity" })
            );
        }
        let market =
            NewOrder::market(symbol, Side::Buy, quantity).with_time_in_force(TimeInForce::Ioc);
        assert!(market.check_terms().is_err());
    }
}
