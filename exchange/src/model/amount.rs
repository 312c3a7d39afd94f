//! Arithmetic on checked amounts.
//!
//! Every amount that enters is at most [`LIMIT`] with at most eight decimals, so a product fits the
//! 28 digits of a decimal and a sum needs more operations than a run can make to overflow.

use rust_decimal::{Decimal, RoundingStrategy};
use tripline_engine::money::{Notional, Price, Quantity};

/// The largest price, quantity or notional that an order may name, and the largest balance of an
/// account: far above any real one.
pub(crate) const LIMIT: Decimal = Decimal::from_parts(1_215_752_192, 23, 0, false, 0);

const BOUNDED: &str = "amounts are bounded where they enter, so a sum cannot overflow";
const POSITIVE: &str = "made of amounts that are zero or more";

pub(super) fn quantity(value: Decimal) -> Quantity {
    Quantity::new(value).expect(POSITIVE)
}

pub(super) fn notional(value: Decimal) -> Notional {
    Notional::new(value).expect(POSITIVE)
}

pub(super) fn add(left: Quantity, right: Quantity) -> Quantity {
    left.checked_add(right).expect(BOUNDED)
}

pub(super) fn add_quote(left: Notional, right: Notional) -> Notional {
    left.checked_add(right).expect(BOUNDED)
}

/// What `quantity` costs at `price`, to `precision` decimals, rounded down: what a trade moves and an
/// order locks. Parts that are each rounded down never cost more than the whole rounded down.
pub(super) fn cost(price: Price, quantity: Quantity, precision: u32) -> Decimal {
    (price.value() * quantity.value()).round_dp_with_strategy(precision, RoundingStrategy::ToZero)
}

/// The part of `amount` that a rate takes, in the venue's eight decimals, in the account's favour.
pub(super) fn commission(amount: Decimal, rate: Decimal) -> Decimal {
    (amount * rate).round_dp_with_strategy(8, RoundingStrategy::ToZero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_a_hundred_thousand_million() {
        assert_eq!(LIMIT, Decimal::from(100_000_000_000_u64));
    }
}
