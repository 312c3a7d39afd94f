//! The account's own orders on one instrument, by price: whether a new one could trade with one of them.

use std::collections::BTreeMap;

use super::footprint::Reach;
use crate::money::Price;
use crate::order::Side;

#[derive(Debug, Clone, Default)]
struct OwnSide {
    prices: BTreeMap<Price, u32>,
    /// Orders without a price of their own, and those of them that the venue does not keep apart from others.
    unpriced: u32,
    unprotected: u32,
}

impl OwnSide {
    fn is_empty(&self) -> bool {
        self.prices.is_empty() && self.unpriced == 0
    }

    fn count(&mut self, reach: Reach, change: fn(u32) -> u32) {
        match reach {
            Reach::Priced(price) => {
                let count = self.prices.entry(price).or_default();
                *count = change(*count);
                if *count == 0 {
                    self.prices.remove(&price);
                }
            }
            Reach::Any { protected } => {
                self.unpriced = change(self.unpriced);
                if !protected {
                    self.unprotected = change(self.unprotected);
                }
            }
        }
    }
}

/// The account's own orders on one instrument.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnBook {
    buys: OwnSide,
    sells: OwnSide,
}

impl OwnBook {
    fn side(&mut self, side: Side) -> &mut OwnSide {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    pub(super) fn add(&mut self, side: Side, reach: Reach) {
        self.side(side).count(reach, |count| count + 1);
    }

    pub(super) fn remove(&mut self, side: Side, reach: Reach) {
        self.side(side)
            .count(reach, |count| count.saturating_sub(1));
    }

    /// What a new order could trade with, in words; `None` when with nothing of ours.
    ///
    /// Two orders with prices trade where these cross. One without a price trades at whatever there is: the venue
    /// keeps it from own orders where a mode of self-trade prevention is in force for it (Binance Spot, "Self Trade
    /// Prevention": the taker's mode decides), and where none is, any own order on the other side is one too many.
    pub(super) fn trades_with(&self, side: Side, reach: Reach) -> Option<String> {
        let other = match side {
            Side::Buy => &self.sells,
            Side::Sell => &self.buys,
        };
        match reach {
            Reach::Priced(price) => {
                let best = match side {
                    Side::Buy => other.prices.first_key_value(),
                    Side::Sell => other.prices.last_key_value(),
                };
                let best = best.map(|(price, _)| *price);
                let crossed = best.filter(|best| match side {
                    Side::Buy => price >= *best,
                    Side::Sell => price <= *best,
                });
                let unprotected = (other.unprotected > 0).then(|| "any".to_owned());
                crossed.map(|best| best.to_string()).or(unprotected)
            }
            Reach::Any { protected: true } => None,
            Reach::Any { protected: false } => (!other.is_empty()).then(|| "any".to_owned()),
        }
    }
}
