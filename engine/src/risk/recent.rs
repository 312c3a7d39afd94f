//! Orders that were placed a moment ago, so that the same one is not placed again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use rust_decimal::Decimal;

use crate::order::{NewOrder, Side};
use crate::time::Timestamp;

/// What makes two orders the same: side, price, stop price and size.
type Sameness = (Side, Option<u128>, Option<u128>, u128);

/// A decimal as a number that is the same for equal values: 1.50 and 1.5.
fn number(value: Decimal) -> u128 {
    let plain = value.normalize();
    // A mantissa has 96 bits, and money is never below zero.
    plain.mantissa().unsigned_abs() << 8 | u128::from(plain.scale())
}

fn sameness(terms: &NewOrder) -> Sameness {
    let price = |price: Option<crate::money::Price>| price.map(|price| number(price.value()));
    let quantity = number(terms.quantity.value());
    (
        terms.side,
        price(terms.price),
        price(terms.stop_price),
        quantity,
    )
}

/// The latest orders on one instrument.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    last: HashMap<Sameness, Timestamp>,
    queue: VecDeque<(Timestamp, Sameness)>,
}

impl Recent {
    /// How long ago the same order was placed, if that was within the window.
    pub(super) fn same(
        &self,
        terms: &NewOrder,
        within: Duration,
        now: Timestamp,
    ) -> Option<Duration> {
        if self.queue.is_empty() {
            return None;
        }
        let at = self.last.get(&sameness(terms))?;
        let ago = now.saturating_since(*at);
        (ago < within).then_some(ago)
    }

    pub(super) fn placed(&mut self, terms: &NewOrder, within: Duration, now: Timestamp) {
        let now = self.queue.back().map_or(now, |(last, _)| now.max(*last));
        while let Some((at, same)) = self.queue.front().copied()
            && now.saturating_since(at) >= within
        {
            self.queue.pop_front();
            if self.last.get(&same) == Some(&at) {
                self.last.remove(&same);
            }
        }
        if !within.is_zero() {
            let same = sameness(terms);
            self.last.insert(same, now);
            self.queue.push_back((now, same));
        }
    }
}
