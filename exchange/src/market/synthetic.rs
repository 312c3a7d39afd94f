//! A made-up market that looks like one: values walk at random, quotes follow them, takers come in
//! bursts. Floats only steer; every price is a whole number of ticks and every quantity of lots.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tripline_engine::ids::{Asset, Symbol};
use tripline_engine::money::{Price, Quantity};

use super::config::SyntheticConfig;
use super::walk::{Values, log_normal, wait};
use super::{MarketError, drive};
use crate::model::{Exchange, InstrumentSettings, Operation, Side, Time};

/// How much livelier a burst is.
const BURST: f64 = 8.0;
/// The chance that an event starts a burst.
const BURST_CHANCE: f64 = 0.004;
/// Typical length of a burst in microseconds.
const BURST_LENGTH: f64 = 600_000.0;
/// Distance between levels behind the best, as a part of the price.
const SPACING: f64 = 0.000_02;
/// How far beyond the best price a taker's limit lies, in spacings.
const REACH: i64 = 8;

/// One symbol's synthetic side.
#[derive(Debug)]
struct Maker {
    symbol: Symbol,
    base: Asset,
    quote: Asset,
    tick: Decimal,
    step: Decimal,
    least: Quantity,
    /// Ticks between levels.
    spacing: i64,
    burst_until: Time,
    /// Signed: which way the takers lean just now.
    mood: f64,
}

/// Random liquidity and random takers for a set of symbols.
#[derive(Debug)]
pub struct Synthetic {
    config: SyntheticConfig,
    makers: Vec<Maker>,
    values: Values,
    random: StdRng,
    /// The next event of each maker.
    due: BinaryHeap<Reverse<(Time, usize)>>,
}

fn rough(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

/// The whole number of `grid`s nearest to a float, as a decimal on the grid.
fn on_grid(value: f64, grid: Decimal) -> Decimal {
    let units = (value / rough(grid)).round().clamp(0.0, 9e15) as i64;
    Decimal::from(units) * grid
}

impl Maker {
    fn new(rules: &InstrumentSettings, price: f64, now: Time) -> Self {
        let or_fine = |grid: Decimal| {
            if grid.is_zero() {
                Decimal::new(1, 8)
            } else {
                grid
            }
        };
        let tick = or_fine(rules.filters.price.tick.value());
        Self {
            symbol: rules.symbol,
            base: rules.base,
            quote: rules.quote,
            tick,
            step: or_fine(rules.filters.lot_size.step.value()),
            least: rules.filters.lot_size.min,
            spacing: ((price * SPACING / rough(tick)).round() as i64).max(1),
            burst_until: now,
            mood: 0.0,
        }
    }

    fn price(&self, ticks: i64) -> Option<Price> {
        Price::new(Decimal::from(ticks.max(0)) * self.tick)
            .ok()
            .filter(|price| !price.is_zero())
    }

    /// A random quantity worth about `value` units of account.
    fn quantity(
        &self,
        value: f64,
        deviation: f64,
        values: &Values,
        random: &mut StdRng,
    ) -> Quantity {
        let mean = value / values.value(self.base);
        let wanted = on_grid(log_normal(random, mean, deviation), self.step);
        let least = self.least.max(Quantity::new(self.step).unwrap_or_default());
        Quantity::new(wanted).unwrap_or_default().max(least)
    }

    /// Best bid and best ask, in ticks, around what the symbol is worth now.
    fn best(&self, values: &Values, spread: i64) -> (i64, i64) {
        let worth = values.value(self.base) / values.value(self.quote) / rough(self.tick);
        let bid = (worth - spread as f64 / 2.0).round().clamp(1.0, 9e15) as i64;
        (bid, bid + spread)
    }

    /// Where the `index`-th level of a side stands, in ticks.
    fn level(&self, side: Side, best: i64, index: i64, random: &mut StdRng) -> i64 {
        let jitter = if index == 0 {
            0
        } else {
            random.random_range(0..self.spacing)
        };
        let behind = index * self.spacing + jitter;
        match side {
            Side::Buy => best - behind,
            Side::Sell => best + behind,
        }
    }

    /// Takes away the levels far beyond the wanted number of them and adds those that are missing,
    /// behind the last.
    fn keep_depth(
        &self,
        run: &mut Operation<'_>,
        config: &SyntheticConfig,
        values: &Values,
        random: &mut StdRng,
    ) {
        let least = config.levels as usize;
        for side in [Side::Buy, Side::Sell] {
            let prices: Vec<Price> = run.market_levels(side).map(|(price, _)| price).collect();
            for price in prices.iter().skip(least * 2) {
                run.set_market_level(side, *price, Quantity::ZERO);
            }
            let Some(last) = prices.last().filter(|_| prices.len() < least) else {
                continue;
            };
            let mut ticks = (last.value() / self.tick).round().to_i64().unwrap_or(0);
            for _ in prices.len()..least {
                let step = random.random_range(1..=self.spacing);
                ticks += if side == Side::Buy { -step } else { step };
                let quantity = self.quantity(config.level_value, 0.9, values, random);
                if let Some(price) = self.price(ticks) {
                    run.set_market_level(side, price, quantity);
                }
            }
        }
    }
}

impl Synthetic {
    pub(super) fn new(
        config: &SyntheticConfig,
        exchange: &mut Exchange,
        symbols: &[Symbol],
        seed: u64,
        now: Time,
    ) -> Result<Self, MarketError> {
        let mut makers = Vec::new();
        let mut prices = Vec::new();
        for symbol in symbols {
            let unknown = |_| MarketError::UnknownSymbol(*symbol);
            let last = exchange.last_price(*symbol).map_err(unknown)?;
            let price = rough(last.ok_or(MarketError::NoPrice(*symbol))?.value());
            let rules = exchange.instrument(*symbol).map_err(unknown)?;
            prices.push((rules.base, rules.quote, price));
            makers.push(Maker::new(rules, price, now));
        }
        let mut made = Self {
            config: config.clone(),
            values: Values::new(&prices, config.volatility_bps, now),
            random: StdRng::seed_from_u64(seed),
            due: BinaryHeap::new(),
            makers,
        };
        for index in 0..made.makers.len() {
            made.fill(exchange, index, now);
            made.schedule(index, now);
        }
        Ok(made)
    }

    /// When something happens next.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        self.due.peek().map(|Reverse((time, _))| *time)
    }

    pub(super) fn skip_to(&mut self, to: Time) {
        self.values.skip_to(to);
        self.due.clear();
        for index in 0..self.makers.len() {
            self.schedule(index, to);
        }
    }

    fn schedule(&mut self, index: usize, now: Time) {
        let Some(maker) = self.makers.get(index) else {
            return;
        };
        let rate = self.config.updates_per_second + self.config.trades_per_second;
        if rate <= 0.0 {
            return;
        }
        let rate = if now < maker.burst_until {
            rate * BURST
        } else {
            rate
        };
        self.due
            .push(Reverse((now.plus(wait(&mut self.random, rate)), index)));
    }

    /// The next event: quotes change, or a taker comes.
    pub(super) fn step(&mut self, exchange: &mut Exchange) {
        let Some(Reverse((now, index))) = self.due.pop() else {
            return;
        };
        self.values.walk_to(now, &mut self.random);
        let rate = self.config.updates_per_second + self.config.trades_per_second;
        let trades = self
            .random
            .random_bool((self.config.trades_per_second / rate).clamp(0.0, 1.0));
        if trades {
            self.take(exchange, index, now);
        } else {
            self.quote(exchange, index, now);
        }
        if let Some(maker) = self.makers.get_mut(index)
            && now >= maker.burst_until
            && self.random.random_bool(BURST_CHANCE)
        {
            let length = log_normal(&mut self.random, BURST_LENGTH, 0.5) as i64;
            maker.burst_until = now.plus(length);
            maker.mood = self.random.random_range(-0.4..0.4);
        }
        self.schedule(index, now);
    }

    /// Makes the book whole: every level of both sides.
    fn fill(&mut self, exchange: &mut Exchange, index: usize, now: Time) {
        let levels = i64::from(self.config.levels);
        let changes: Vec<_> = [Side::Buy, Side::Sell]
            .into_iter()
            .flat_map(|side| (0..levels).map(move |level| (side, level)))
            .filter_map(|(side, level)| self.change(index, side, level))
            .collect();
        self.apply(exchange, index, &changes, now);
    }

    /// A new quantity for the `level`-th level of a side.
    fn change(&mut self, index: usize, side: Side, level: i64) -> Option<(Side, Price, Quantity)> {
        let maker = self.makers.get(index)?;
        let (bid, ask) = maker.best(&self.values, i64::from(self.config.spread_ticks.max(1)));
        let best = if side == Side::Buy { bid } else { ask };
        let price = maker.price(maker.level(side, best, level, &mut self.random))?;
        // The best levels are thinner than those behind them.
        let value = self.config.level_value * if level < 2 { 0.3 } else { 1.0 };
        let quantity = maker.quantity(value, 0.9, &self.values, &mut self.random);
        Some((side, price, quantity))
    }

    /// Lets the quotes follow the value: what is now beyond the best price goes, the best levels are
    /// there, and a few others change or join.
    fn quote(&mut self, exchange: &mut Exchange, index: usize, now: Time) {
        let levels = i64::from(self.config.levels);
        let near = (self.random.random::<f64>().powi(3) * levels as f64) as i64;
        let mut changes = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            changes.extend(self.change(index, side, 0).map(|change| (change, true)));
        }
        let side = if self.random.random() {
            Side::Buy
        } else {
            Side::Sell
        };
        changes.extend(
            self.change(index, side, near.max(1))
                .map(|change| (change, false)),
        );
        let Some(maker) = self.makers.get(index) else {
            return;
        };
        let (config, values, random) = (&self.config, &self.values, &mut self.random);
        drive(exchange, maker.symbol, now, |run| {
            for ((side, price, quantity), is_best) in changes {
                if is_best {
                    run.clear_market_before(side, price);
                }
                if !is_best || run.market_at(side, price).is_zero() {
                    run.set_market_level(side, price, quantity);
                }
            }
            maker.keep_depth(run, config, values, random);
        });
    }

    /// A taker of random side and size comes; it may eat through a few levels.
    fn take(&mut self, exchange: &mut Exchange, index: usize, now: Time) {
        let Some(maker) = self.makers.get_mut(index) else {
            return;
        };
        maker.mood *= 0.98;
        let buys = self
            .random
            .random_bool(f64::clamp(0.5 + maker.mood, 0.05, 0.95));
        let side = if buys { Side::Buy } else { Side::Sell };
        let quantity = maker.quantity(self.config.trade_value, 1.3, &self.values, &mut self.random);
        let reach = Decimal::from(maker.spacing * REACH) * maker.tick;
        drive(exchange, maker.symbol, now, |run| {
            let Some((best, _)) = run.best(side.opposite()) else {
                return;
            };
            let limit = match side {
                Side::Buy => best.value() + reach,
                Side::Sell => (best.value() - reach).max(Decimal::ZERO),
            };
            if let Ok(limit) = Price::new(limit) {
                run.market_takes(side, limit, quantity);
            }
        });
    }

    fn apply(
        &self,
        exchange: &mut Exchange,
        index: usize,
        changes: &[(Side, Price, Quantity)],
        now: Time,
    ) {
        let Some(maker) = self.makers.get(index) else {
            return;
        };
        drive(exchange, maker.symbol, now, |run| {
            for (side, price, quantity) in changes {
                run.set_market_level(*side, *price, *quantity);
            }
        });
    }
}
