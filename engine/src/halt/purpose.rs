//! What an order is for, and which level lets it through.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::HaltLevel;
use crate::order::{NewOrder, Order, Side};
use crate::planted::{self, Planted};

/// What an order is for, as the check before it has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// It may open, enlarge or turn a position round.
    Entry,
    /// It provably reduces its strategy's position, whatever else of the strategy is filled.
    Reduce,
    /// It is the engine's own, and takes its strategy out of a position under a halt.
    Exit,
}

impl HaltLevel {
    /// Whether an order for this purpose may go out. Exits go by the flatten that they belong to, whatever the
    /// level: see [`HaltBoard::begin_flatten`](super::HaltBoard::begin_flatten).
    #[must_use]
    pub const fn lets(self, purpose: Purpose, is_flattening: bool) -> bool {
        match (self, purpose) {
            (Self::Active, Purpose::Entry | Purpose::Reduce)
            | (Self::ReduceOnly, Purpose::Reduce) => true,
            (_, Purpose::Exit) => is_flattening,
            (Self::ReduceOnly, Purpose::Entry)
            | (Self::Halted, Purpose::Entry | Purpose::Reduce) => false,
        }
    }
}

/// How much may be done on this side so that a position of `net`, base asset, is at most closed, whatever
/// becomes of the strategy's `orders` on the instrument: those that are, or may be, open, and those of which
/// fills are still to come. Zero or less where nothing may.
#[must_use]
pub fn room_to_reduce<'o>(
    side: Side,
    net: Decimal,
    orders: impl Iterator<Item = &'o Order>,
) -> Decimal {
    let reducible = match side {
        Side::Sell => net,
        Side::Buy => -net,
    };
    let same_side = orders.filter(|order| order.terms.side == side);
    // Sums of what orders ask for are far from the end of the range.
    same_side.fold(reducible, |room, order| {
        room.saturating_sub(order.outstanding().value())
    })
}

/// Whether an order provably reduces a position of `net`: together with all that the strategy has under way on its
/// side it is at most as large as the position.
#[must_use]
pub fn reduces<'o>(
    terms: &NewOrder,
    net: Decimal,
    orders: impl Iterator<Item = &'o Order>,
) -> bool {
    let room = room_to_reduce(terms.side, net, orders);
    if planted::is(Planted::EntriesReduce) {
        return true;
    }
    !terms.quantity.is_zero() && terms.quantity.value() <= room
}
