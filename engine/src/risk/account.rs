//! What the rules remember: sums over orders and positions, kept up to date with every piece of news, so that a
//! check looks at them and never at all orders.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;

use super::footprint::Footprint;
use super::limits::Bounds;
use super::loss::Watch;
use super::own_book::OwnBook;
use super::recent::Recent;
use super::windows::{Extremes, Window};
use crate::ids::{Asset, Symbol};
use crate::money::Price;
use crate::order::Side;
use crate::time::Timestamp;

/// A position with the orders that may change it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// Bought less sold, base asset.
    pub(super) net: Decimal,
    /// What buy orders may still add, and sell orders take away, base asset.
    pub(super) buys: Decimal,
    pub(super) sells: Decimal,
    /// Orders that are, or may be, open.
    pub(super) open: u32,
    pub(super) algo: u32,
    pub(super) uncertain: u32,
    /// What it is worth at its worst at the price that was known last.
    pub(super) worth: Worth,
}

impl Cell {
    fn is_empty(&self) -> bool {
        self.net.is_zero() && self.buys.is_zero() && self.sells.is_zero()
    }

    /// The position if every buy order fills.
    pub(super) fn longest(&self) -> Option<Decimal> {
        self.net.checked_add(self.buys)
    }

    /// The position if every sell order fills; below zero when that is short.
    pub(super) fn shortest(&self) -> Option<Decimal> {
        self.net.checked_sub(self.sells)
    }

    pub(super) fn pending(&mut self, side: Side) -> &mut Decimal {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    fn count(&mut self, print: &Footprint, change: fn(u32) -> u32, sign: Decimal) {
        let pending = self.pending(print.side);
        // Quantities of orders that were checked: their sum is far from what a decimal holds.
        *pending = pending.saturating_add(print.pending * sign);
        if print.is_open {
            self.open = change(self.open);
        }
        if print.is_open && print.is_algo {
            self.algo = change(self.algo);
        }
        if print.is_uncertain {
            self.uncertain = change(self.uncertain);
        }
    }

    pub(super) fn add(&mut self, print: &Footprint) {
        self.count(print, |count| count + 1, Decimal::ONE);
    }

    pub(super) fn remove(&mut self, print: &Footprint) {
        self.count(
            print,
            |count| count.saturating_sub(1),
            Decimal::NEGATIVE_ONE,
        );
    }

    /// What it is worth at a price.
    pub(super) fn worth_at(&self, price: Option<Decimal>) -> Worth {
        if self.is_empty() {
            return Worth::default();
        }
        let worth = || {
            let price = price?;
            let up = self.longest()?.checked_mul(price)?;
            let down = self.shortest()?.checked_mul(price)?;
            Some(Worth {
                up,
                down,
                gross: up.abs().max(down.abs()),
                unpriced: 0,
            })
        };
        worth().unwrap_or(Worth {
            unpriced: 1,
            ..Worth::default()
        })
    }
}

/// What positions are worth at their worst, in the asset of money limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Worth {
    /// With their signs, if every buy order fills.
    pub(super) up: Decimal,
    /// With their signs, if every sell order fills.
    pub(super) down: Decimal,
    /// Each at its larger side, without its sign.
    pub(super) gross: Decimal,
    /// Positions that have no price.
    pub(super) unpriced: u32,
}

impl Worth {
    /// The sum with one part replaced by another. Saturates: a sum that does not fit is above every limit.
    pub(super) fn replaced(&self, old: &Self, new: &Self) -> Self {
        let of =
            |sum: Decimal, old: Decimal, new: Decimal| sum.saturating_sub(old).saturating_add(new);
        Self {
            up: of(self.up, old.up, new.up),
            down: of(self.down, old.down, new.down),
            gross: of(self.gross, old.gross, new.gross),
            unpriced: (self.unpriced + new.unpriced).saturating_sub(old.unpriced),
        }
    }
}

/// Sets what a cell is worth, in it and in the sum.
pub(super) fn revalue(cell: &mut Cell, sum: &mut Worth, price: Option<Decimal>) {
    let worth = cell.worth_at(price);
    *sum = sum.replaced(&cell.worth, &worth);
    cell.worth = worth;
}

/// Messages of a scope.
#[derive(Debug, Clone, Default)]
pub(super) struct Messages {
    pub(super) new: Window,
    pub(super) amends: Window,
    pub(super) today: Today,
}

/// What was counted since the day began, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Today {
    /// Days since 1970.
    pub(super) day: i64,
    pub(super) orders: u32,
    pub(super) cancels: u32,
    pub(super) fills: u32,
    /// What a person was told today.
    pub(super) told_cancels: bool,
    pub(super) told_ratio: bool,
}

/// Days since 1970, UTC.
pub(super) fn day_of(now: Timestamp) -> i64 {
    now.as_nanos().div_euclid(86_400_000_000_000)
}

impl Today {
    pub(super) fn at(&mut self, now: Timestamp) -> &mut Self {
        let day = day_of(now);
        if day > self.day {
            *self = Self {
                day,
                ..Self::default()
            };
        }
        self
    }
}

/// One side of a strategy's dealings on an instrument.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    pub(super) orders: Window,
    pub(super) fills: Window,
    pub(super) prices: Extremes,
}

/// A strategy on an instrument.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    pub(super) cell: Cell,
    /// Of all four scopes, for what concerns one order.
    pub(super) bounds: Bounds,
    pub(super) buys: Repeats,
    pub(super) sells: Repeats,
}

impl Own {
    pub(super) fn repeats(&self, side: Side) -> &Repeats {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }

    pub(super) fn repeats_mut(&mut self, side: Side) -> &mut Repeats {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    pub(super) fn repeated_within(&self) -> Duration {
        let set = self.bounds.repeated_within.as_ref();
        set.map_or(Duration::from_secs(10), |bound| bound.value.0)
    }

    pub(super) fn drift_within(&self) -> Duration {
        let set = self.bounds.price_drift_within.as_ref();
        set.map_or(Duration::from_secs(60), |bound| bound.value.0)
    }
}

/// A strategy.
#[derive(Debug, Clone, Default)]
pub(super) struct StrategySums {
    /// Of the strategy alone, for what is summed over it.
    pub(super) bounds: Bounds,
    pub(super) own: BTreeMap<Symbol, Own>,
    pub(super) open: u32,
    pub(super) worth: Worth,
    pub(super) messages: Messages,
    pub(super) watch: Watch,
}

/// An instrument over all strategies of the account.
#[derive(Debug, Clone, Default)]
pub(super) struct InstrumentSums {
    /// Of the instrument alone, for what is summed over it.
    pub(super) bounds: Bounds,
    /// Of the instrument, the account and everything, for the account's position on it.
    pub(super) position_bounds: Bounds,
    pub(super) cell: Cell,
    pub(super) book: OwnBook,
    pub(super) recent: Recent,
    pub(super) messages: Messages,
    pub(super) pair: Option<(Asset, Asset)>,
    /// The last price that was seen, quote asset; not unlearnt when data is stale.
    pub(super) mark: Option<Price>,
    /// What a unit of the quote asset is worth in the asset of money limits.
    pub(super) rate: Option<Decimal>,
}

impl InstrumentSums {
    /// What a unit of the base asset is worth in the asset of money limits.
    pub(super) fn price(&self) -> Option<Decimal> {
        self.mark?.value().checked_mul(self.rate?)
    }
}

/// The account.
#[derive(Debug, Clone, Default)]
pub(super) struct AccountSums {
    /// Of the account and of everything.
    pub(super) bounds: Bounds,
    pub(super) open: u32,
    pub(super) uncertain: u32,
    pub(super) worth: Worth,
    pub(super) messages: Messages,
    pub(super) watch: Watch,
    pub(super) is_disk_low: bool,
    /// Slow answers in a row.
    pub(super) slow: u32,
}
