//! What one order may still do to its account.

use rust_decimal::Decimal;

use crate::ids::{StrategyId, Symbol};
use crate::instrument::Instrument;
use crate::money::Price;
use crate::order::{NewOrder, Order, SelfTradePrevention, Side};

/// At which prices an order can trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// At this price or a better one.
    Priced(Price),
    /// At any price: a market order, or one that becomes such an order.
    Any {
        /// Whether the venue keeps it from trading with the account's own orders.
        protected: bool,
    },
}

impl Reach {
    pub(super) fn of(terms: &NewOrder, instrument: Option<&Instrument>) -> Self {
        match terms.price {
            Some(price) => Self::Priced(price),
            None => {
                let default = instrument.and_then(|known| known.default_self_trade_prevention);
                let mode = terms.self_trade_prevention.or(default);
                let protected = !matches!(mode, None | Some(SelfTradePrevention::None));
                Self::Any { protected }
            }
        }
    }
}

/// What is left of an order that is, or may be, at the venue, or whose fills have not all come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footprint {
    pub(super) strategy: StrategyId,
    pub(super) symbol: Symbol,
    pub(super) side: Side,
    pub(super) reach: Reach,
    /// What may still be added to the position, base asset: what is not filled, and once the order has ended, what
    /// the venue has executed and not yet told the fills of.
    pub(super) pending: Decimal,
    /// Whether it is, or may be, open.
    pub(super) is_open: bool,
    pub(super) is_uncertain: bool,
    /// A stop or take-profit order.
    pub(super) is_algo: bool,
}

impl Footprint {
    /// `None` when nothing more can come of the order.
    pub(super) fn of(order: &Order, instrument: Option<&Instrument>) -> Option<Self> {
        let is_open = order.state.may_be_open();
        let whole = match is_open {
            true => order.terms.quantity,
            false => order.executed(),
        };
        let pending = whole.saturating_sub(order.filled()).value();
        (is_open || !pending.is_zero()).then(|| Self {
            strategy: order.strategy,
            symbol: order.terms.symbol,
            side: order.terms.side,
            reach: Reach::of(&order.terms, instrument),
            pending,
            is_open,
            is_uncertain: order.state == crate::order::OrderState::Uncertain,
            is_algo: order.terms.order_type.needs_stop_price(),
        })
    }
}
