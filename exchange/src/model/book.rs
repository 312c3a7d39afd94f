//! The order book: price levels, and in each a queue in order of arrival. The market's own liquidity
//! and the users' orders stand in the same queues.

use std::collections::{BTreeMap, VecDeque};

use tripline_engine::ids::VenueOrderId;
use tripline_engine::money::{Price, Quantity};

use super::amount::add;
use super::event::LevelChange;
use super::terms::Side;

/// Whose quantity stands in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Market,
    Order(VenueOrderId),
}

/// A place in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resting {
    pub owner: Owner,
    pub quantity: Quantity,
}

#[derive(Debug, Default)]
struct Level {
    queue: VecDeque<Resting>,
    total: Quantity,
    /// The market's part of the total.
    market: Quantity,
}

impl Level {
    fn push(&mut self, resting: Resting) {
        self.total = add(self.total, resting.quantity);
        if resting.owner == Owner::Market {
            self.market = add(self.market, resting.quantity);
            if let Some(last) = self
                .queue
                .back_mut()
                .filter(|last| last.owner == Owner::Market)
            {
                last.quantity = add(last.quantity, resting.quantity);
                return;
            }
        }
        self.queue.push_back(resting);
    }

    /// Takes `quantity` off the place at `index`, and the place away when nothing is left.
    fn reduce(&mut self, index: usize, quantity: Quantity) {
        let Some(place) = self.queue.get_mut(index) else {
            return;
        };
        let quantity = quantity.min(place.quantity);
        place.quantity = place.quantity.saturating_sub(quantity);
        self.total = self.total.saturating_sub(quantity);
        if place.owner == Owner::Market {
            self.market = self.market.saturating_sub(quantity);
        }
        if place.quantity.is_zero() {
            self.queue.remove(index);
        }
    }

    /// Takes market liquidity away from the back: those who came last leave first, so a user's order
    /// gains no place by it.
    fn shrink_market(&mut self, mut quantity: Quantity) {
        while !quantity.is_zero() {
            let Some(index) = self
                .queue
                .iter()
                .rposition(|place| place.owner == Owner::Market)
            else {
                return;
            };
            let part = self
                .queue
                .get(index)
                .map_or(quantity, |place| place.quantity.min(quantity));
            self.reduce(index, part);
            quantity = quantity.saturating_sub(part);
        }
    }
}

#[derive(Debug)]
pub(super) struct Book {
    bids: BTreeMap<Price, Level>,
    asks: BTreeMap<Price, Level>,
    /// Levels that the operation under way changed.
    changed: Vec<(Side, Price)>,
}

/// The best first: the highest bid, the lowest ask.
fn best_first<'a>(
    side: Side,
    levels: &'a BTreeMap<Price, Level>,
) -> Box<dyn Iterator<Item = (&'a Price, &'a Level)> + 'a> {
    match side {
        Side::Buy => Box::new(levels.iter().rev()),
        Side::Sell => Box::new(levels.iter()),
    }
}

/// Whether an order of `side` with this limit trades at `price`.
pub(super) fn crosses(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

impl Book {
    pub const fn new() -> Self {
        Self {
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            changed: Vec::new(),
        }
    }

    const fn side(&self, side: Side) -> &BTreeMap<Price, Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Changes a level, notes that it changed, and drops it when it is empty.
    fn edit(&mut self, side: Side, price: Price, change: impl FnOnce(&mut Level)) {
        let levels = self.side_mut(side);
        let level = levels.entry(price).or_default();
        let before = level.total;
        change(level);
        let changed = level.total != before;
        if level.total.is_zero() {
            levels.remove(&price);
        }
        if changed {
            self.changed.push((side, price));
        }
    }

    pub fn push(&mut self, side: Side, price: Price, resting: Resting) {
        self.edit(side, price, |level| level.push(resting));
    }

    /// Takes `quantity` off an order's place.
    pub fn reduce_order(&mut self, side: Side, price: Price, id: VenueOrderId, quantity: Quantity) {
        self.edit(side, price, |level| {
            let place = level
                .queue
                .iter()
                .position(|place| place.owner == Owner::Order(id));
            if let Some(index) = place {
                level.reduce(index, quantity);
            }
        });
    }

    /// Takes `quantity` off the first place of a level.
    pub fn take_first(&mut self, side: Side, price: Price, quantity: Quantity) {
        self.edit(side, price, |level| level.reduce(0, quantity));
    }

    /// Moves `quantity` of market liquidity that stands before a level's first order to the back: it
    /// traded, but the level's quantity stays until the market says otherwise. Returns how much stood
    /// there.
    pub fn pass_market(&mut self, side: Side, price: Price, quantity: Quantity) -> Quantity {
        let mut passed = Quantity::ZERO;
        self.edit(side, price, |level| {
            let first = level.queue.front().copied();
            if let Some(place) = first.filter(|place| place.owner == Owner::Market) {
                passed = place.quantity.min(quantity);
                level.reduce(0, passed);
                level.push(Resting {
                    owner: Owner::Market,
                    quantity: passed,
                });
            }
        });
        passed
    }

    /// The market's own quantity at a price.
    pub fn market_at(&self, side: Side, price: Price) -> Quantity {
        self.side(side)
            .get(&price)
            .map_or(Quantity::ZERO, |level| level.market)
    }

    /// Makes the market's own quantity at a price `quantity`: more joins at the back, less leaves from
    /// the back.
    pub fn set_market(&mut self, side: Side, price: Price, quantity: Quantity) {
        self.edit(side, price, |level| {
            if quantity > level.market {
                let more = quantity.saturating_sub(level.market);
                level.push(Resting {
                    owner: Owner::Market,
                    quantity: more,
                });
            } else {
                level.shrink_market(level.market.saturating_sub(quantity));
            }
        });
    }

    /// The best price of a side.
    pub fn best(&self, side: Side) -> Option<(Price, Quantity)> {
        let level = match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        };
        level.map(|(price, level)| (*price, level.total))
    }

    /// The best price of a side and who stands first there.
    pub fn first(&self, side: Side) -> Option<(Price, Resting)> {
        let (price, level) = match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        }?;
        level.queue.front().map(|place| (*price, *place))
    }

    /// All places of a side in the order in which they trade.
    pub fn places(&self, side: Side) -> impl Iterator<Item = (Price, Resting)> + '_ {
        best_first(side, self.side(side))
            .flat_map(|(price, level)| level.queue.iter().map(|place| (*price, *place)))
    }

    /// The levels of a side with their totals, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Quantity)> + '_ {
        best_first(side, self.side(side)).map(|(price, level)| (*price, level.total))
    }

    /// The prices of a side where the market has liquidity of its own, best first.
    pub fn market_levels(&self, side: Side) -> impl Iterator<Item = (Price, Quantity)> + '_ {
        best_first(side, self.side(side))
            .filter(|(_, level)| !level.market.is_zero())
            .map(|(price, level)| (*price, level.market))
    }

    /// The levels changed since the last call, each once, with their totals of now.
    pub fn take_changes(&mut self) -> Vec<LevelChange> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let quantity = |side, price| {
            self.side(side)
                .get(&price)
                .map_or(Quantity::ZERO, |level: &Level| level.total)
        };
        changed
            .into_iter()
            .map(|(side, price)| LevelChange {
                side,
                price,
                quantity: quantity(side, price),
            })
            .collect()
    }
}
