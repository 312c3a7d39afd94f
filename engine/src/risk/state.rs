//! [`RiskState`]: the limits with what the rules remember. Pure: time and news come in.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use super::account::{AccountSums, InstrumentSums, Own, StrategySums, revalue};
use super::footprint::Footprint;
use super::limits::{Bounds, Limits};
use super::rules::{self, View};
use super::scope::Level;
use super::table::RiskLimits;
use super::{Denial, Trip};
use crate::ids::{ClientOrderId, StrategyId, Symbol};
use crate::instrument::{Instrument, OpenCounts};
use crate::messages::order::PlaceOrder;
use crate::money::Price;
use crate::order::{NewOrder, Order, Side};
use crate::position::PositionBook;
use crate::time::Timestamp;

/// The limits of one account, and what its rules remember.
#[derive(Debug, Clone, Default)]
pub struct RiskState {
    limits: RiskLimits,
    pub(super) account: AccountSums,
    pub(super) strategies: BTreeMap<StrategyId, StrategySums>,
    pub(super) instruments: BTreeMap<Symbol, InstrumentSums>,
    /// Orders of which something may still come.
    orders: HashMap<ClientOrderId, Footprint>,
    /// Fills that were counted, of orders that have not settled.
    fills: HashMap<ClientOrderId, usize>,
    /// A price has come since the result was last looked at, and when that was.
    pub(super) is_marked_anew: bool,
    pub(super) observed: Option<Timestamp>,
}

impl RiskState {
    #[must_use]
    pub fn limits(&self) -> &RiskLimits {
        &self.limits
    }

    /// From now on these limits hold.
    pub fn set_limits(&mut self, limits: RiskLimits) {
        self.limits = limits;
        let none = Limits::default();
        let RiskLimits {
            global,
            account,
            strategies,
            instruments,
            ..
        } = &self.limits;
        let of_strategy = |id: &StrategyId| strategies.get(id).unwrap_or(&none);
        let of_instrument = |symbol: &Symbol| instruments.get(symbol).unwrap_or(&none);
        let above = [(Level::Global, global), (Level::Account, account)];
        self.account.bounds = Bounds::of(&above);
        for (symbol, sums) in &mut self.instruments {
            let own = (Level::Instrument, of_instrument(symbol));
            sums.bounds = Bounds::of(&[own]);
            sums.position_bounds = Bounds::of(&[above[0], above[1], own]);
        }
        for (id, sums) in &mut self.strategies {
            let strategy = (Level::Strategy, of_strategy(id));
            sums.bounds = Bounds::of(&[strategy]);
            for (symbol, own) in &mut sums.own {
                let instrument = (Level::Instrument, of_instrument(symbol));
                own.bounds = Bounds::of(&[above[0], above[1], strategy, instrument]);
            }
        }
        self.revalue();
    }

    /// Makes an instrument known, or known anew.
    pub fn add_instrument(&mut self, instrument: &Instrument) {
        let is_new = !self.instruments.contains_key(&instrument.symbol);
        let sums = self.instruments.entry(instrument.symbol).or_default();
        sums.pair = Some((instrument.base, instrument.quote));
        if is_new {
            self.set_limits(self.limits.clone());
        }
    }

    /// Makes room for a strategy on an instrument; to be called before a check of an order of it.
    pub fn prepare(&mut self, strategy: StrategyId, symbol: Symbol) {
        let known = self.strategies.get(&strategy);
        if known.is_some_and(|known| known.own.contains_key(&symbol))
            && self.instruments.contains_key(&symbol)
        {
            return;
        }
        self.instruments.entry(symbol).or_default();
        let sums = self.strategies.entry(strategy).or_default();
        sums.own.insert(symbol, Own::default());
        self.set_limits(self.limits.clone());
    }

    /// What is open on an instrument, of this engine's orders; and whether one of them is uncertain.
    #[must_use]
    pub fn open_on(&self, symbol: Symbol) -> (OpenCounts, bool) {
        let cell = self.instruments.get(&symbol).map(|sums| &sums.cell);
        let counts = OpenCounts {
            orders: cell.map_or(0, |cell| cell.open),
            algo_orders: cell.map_or(0, |cell| cell.algo),
            position: None,
        };
        (counts, cell.is_some_and(|cell| cell.uncertain > 0))
    }

    /// Checks an order against every limit that is set.
    ///
    /// # Errors
    /// The first [`Denial`].
    pub fn check(
        &self,
        strategy: StrategyId,
        terms: &NewOrder,
        instrument: &Instrument,
        reference: Price,
        now: Timestamp,
    ) -> Result<(), Box<Denial>> {
        let sums = self.strategies.get(&strategy);
        let own = sums.and_then(|sums| sums.own.get(&terms.symbol));
        let on = self.instruments.get(&terms.symbol);
        let (Some(sums), Some(own), Some(on)) = (sums, own, on) else {
            // `prepare` was not called: there is nothing to hold the order against.
            return Err(rules::unprepared(strategy, terms.symbol));
        };
        let view = View {
            strategy,
            terms,
            instrument,
            reference,
            now,
            limits: &self.limits,
            sums,
            own,
            on,
            account: &self.account,
        };
        rules::ALL.iter().try_for_each(|rule| rule(&view))
    }

    /// An order that passed the check is going out.
    pub fn sent(&mut self, command: &PlaceOrder, now: Timestamp) {
        let terms = &command.terms;
        if let Some(sums) = self.strategies.get_mut(&command.strategy) {
            sums.messages.sent(&sums.bounds, now);
            if let Some(own) = sums.own.get_mut(&terms.symbol) {
                let keep = own.bounds.repeated_orders.as_ref();
                let keep = keep.map_or(0, |bound| bound.value);
                let drift = own.drift_within();
                let repeats = own.repeats_mut(terms.side);
                repeats.orders.happened(now, keep);
                if let Some(price) = terms.price {
                    repeats.prices.add(price, drift, now);
                }
            }
        }
        if let Some(on) = self.instruments.get_mut(&terms.symbol) {
            on.messages.sent(&on.bounds, now);
            let bounds = &on.position_bounds;
            let within = bounds.duplicate_within.as_ref();
            let strategies = self.limits.strategies.values();
            let longest = strategies.filter_map(|limits| limits.duplicate_within);
            let longest = longest.chain(within.map(|bound| bound.value)).max();
            on.recent.placed(
                terms,
                longest.map_or_else(Default::default, |span| span.0),
                now,
            );
        }
        self.account.messages.sent(&self.account.bounds, now);
    }

    /// Takes news of an order, its placement included: how it stands now. To be called after the positions have
    /// taken its fills. Tells which rule it trips.
    pub fn know(
        &mut self,
        order: &Order,
        positions: &PositionBook,
        instrument: Option<&Instrument>,
        now: Timestamp,
    ) -> Vec<Trip> {
        let (strategy, symbol) = (order.strategy, order.terms.symbol);
        self.prepare(strategy, symbol);
        let after = Footprint::of(order, instrument);
        let before = match after {
            Some(print) => self.orders.insert(order.id, print),
            None => self.orders.remove(&order.id),
        };
        let counted = self.fills.get(&order.id).copied().unwrap_or_default();
        let fills = order.fills().len();
        if order.is_settled() {
            self.fills.remove(&order.id);
        } else if fills > 0 {
            self.fills.insert(order.id, fills);
        }
        if before != after || fills != counted {
            self.replace(strategy, symbol, before.as_ref(), after.as_ref(), positions);
        }
        // Of an order that had settled nothing is news, however often it is told.
        let is_known = before.is_some() || after.is_some();
        let fresh = if is_known {
            fills.saturating_sub(counted)
        } else {
            0
        };
        self.filled(order, fresh, now)
    }

    /// Takes a settled order that was known from an earlier run: its fills are no news.
    pub fn remember(&mut self, order: &Order, positions: &PositionBook, now: Timestamp) {
        self.fills.insert(order.id, order.fills().len());
        drop(self.know(order, positions, None, now));
    }

    /// Takes the positions that earlier runs have left.
    pub fn take_positions(&mut self, positions: &PositionBook) {
        for (strategy, position) in positions.positions() {
            self.prepare(strategy, position.symbol());
            self.replace(strategy, position.symbol(), None, None, positions);
            self.account.watch.held_before = true;
            if let Some(sums) = self.strategies.get_mut(&strategy) {
                sums.watch.held_before = true;
            }
        }
    }

    fn replace(
        &mut self,
        strategy: StrategyId,
        symbol: Symbol,
        before: Option<&Footprint>,
        after: Option<&Footprint>,
        positions: &PositionBook,
    ) {
        let net = |position: Option<&crate::position::Position>| {
            position.map_or(Decimal::ZERO, crate::position::Position::net)
        };
        let is = |print: Option<&Footprint>, what: fn(&Footprint) -> bool| {
            u32::from(print.is_some_and(what))
        };
        let opened = is(after, |print| print.is_open);
        let closed = is(before, |print| print.is_open);
        let account = &mut self.account;
        account.open = (account.open + opened).saturating_sub(closed);
        let doubted = is(after, |print| print.is_uncertain);
        let cleared = is(before, |print| print.is_uncertain);
        account.uncertain = (account.uncertain + doubted).saturating_sub(cleared);
        let Some(on) = self.instruments.get_mut(&symbol) else {
            return;
        };
        let price = on.price();
        if let Some(print) = before {
            on.cell.remove(print);
            if print.is_open {
                on.book.remove(print.side, print.reach);
            }
        }
        if let Some(print) = after {
            on.cell.add(print);
            if print.is_open {
                on.book.add(print.side, print.reach);
            }
        }
        on.cell.net = net(positions.account_position(symbol));
        revalue(&mut on.cell, &mut account.worth, price);
        let Some(sums) = self.strategies.get_mut(&strategy) else {
            return;
        };
        sums.open = (sums.open + opened).saturating_sub(closed);
        if let Some(own) = sums.own.get_mut(&symbol) {
            before.into_iter().for_each(|print| own.cell.remove(print));
            after.into_iter().for_each(|print| own.cell.add(print));
            own.cell.net = net(positions.position(strategy, symbol));
            revalue(&mut own.cell, &mut sums.worth, price);
        }
    }

    /// Counts fills, and tells the rule that they trip.
    fn filled(&mut self, order: &Order, fills: usize, now: Timestamp) -> Vec<Trip> {
        let (strategy, symbol, side) = (order.strategy, order.terms.symbol, order.terms.side);
        let count = u32::try_from(fills).unwrap_or(u32::MAX);
        if count == 0 {
            return Vec::new();
        }
        let Some(sums) = self.strategies.get_mut(&strategy) else {
            return Vec::new();
        };
        let today = |messages: &mut super::account::Messages| {
            let today = messages.today.at(now);
            today.fills = today.fills.saturating_add(count);
        };
        today(&mut sums.messages);
        today(&mut self.account.messages);
        if let Some(on) = self.instruments.get_mut(&symbol) {
            today(&mut on.messages);
        }
        let Some(own) = sums.own.get_mut(&symbol) else {
            return Vec::new();
        };
        rules::repeated_fills(own, strategy, symbol, side, count, now)
            .into_iter()
            .collect()
    }

    /// A rule of repetition or drift has tripped: it counts anew, because a person looks before the strategy goes
    /// on.
    pub fn tripped(&mut self, strategy: StrategyId, symbol: Symbol, side: Side) {
        let sums = self.strategies.get_mut(&strategy);
        if let Some(own) = sums.and_then(|sums| sums.own.get_mut(&symbol)) {
            let repeats = own.repeats_mut(side);
            repeats.orders.clear();
            repeats.fills.clear();
            repeats.prices.clear();
        }
    }

    /// Checks an amendment against the limits of messages, and counts it.
    ///
    /// # Errors
    /// The [`Denial`]; it is not counted.
    pub fn amend(
        &mut self,
        strategy: StrategyId,
        symbol: Symbol,
        now: Timestamp,
    ) -> Result<(), Box<Denial>> {
        self.prepare(strategy, symbol);
        let (Some(sums), Some(on)) = (
            self.strategies.get_mut(&strategy),
            self.instruments.get_mut(&symbol),
        ) else {
            return Ok(());
        };
        let mut scopes = [
            (&self.account.bounds, &mut self.account.messages),
            (&sums.bounds, &mut sums.messages),
            (&on.bounds, &mut on.messages),
        ];
        for (bounds, messages) in &scopes {
            rules::amends(bounds, messages, strategy, symbol, now)?;
        }
        for (bounds, messages) in &mut scopes {
            messages.amended(bounds, now);
        }
        Ok(())
    }
}
