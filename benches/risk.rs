//! What the whole check of an order costs: preconditions, terms, the venue's filters and every limit there is, each set
//! globally, for the account, for the strategy and for the instrument, with 100 open orders. Beside it what keeps
//! the sums up to date, and a reference that is measured in the same run, because the machine is shared.
//! `cargo bench --bench risk`.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use tripline_engine::halt::{HaltLevel, Purpose};
use tripline_engine::ids::{ClientOrderId, OrderOrigin, RunId, StrategyId, Symbol};
use tripline_engine::instrument::{
    Filters, Instrument, LotSize, NotionalRange, OpenCounts, PercentPrice, PriceFilter,
    TradingStatus,
};
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::money::{Price, Quantity};
use tripline_engine::order::state::Learnt;
use tripline_engine::order::{NewOrder, Order, OrderType, SelfTradePrevention, Side};
use tripline_engine::position::{Pair, PositionBook};
use tripline_engine::risk::{
    LimitScope, Limits, Preconditions, RiskLimits, RiskState, Situation, approve,
};
use tripline_engine::time::Timestamp;

const ROUNDS: usize = 200;
const CHECKS: usize = 1_000;
const OPEN: u64 = 100;

type Failure = Box<dyn std::error::Error>;

/// Every limit, wide enough to pass.
const VALUES: [(&str, &str); 38] = [
    ("collar_percent", "5"),
    ("collar_ticks", "1000000"),
    ("price_drift_percent", "50"),
    ("price_drift_within", "1m"),
    ("min_quantity", "0.00001"),
    ("max_quantity", "100"),
    ("min_notional", "1"),
    ("max_notional", "10000000"),
    ("new_per_second", "100000"),
    ("new_per_minute", "1000000"),
    ("amends_per_second", "1000"),
    ("amends_per_minute", "10000"),
    ("cancels_per_day", "1000000"),
    ("orders_per_fill", "1000000"),
    ("repeated_orders", "100000"),
    ("repeated_fills", "100000"),
    ("repeated_within", "10s"),
    ("max_long", "10000"),
    ("max_short", "10000"),
    ("max_gross_exposure", "900000000"),
    ("max_net_exposure", "900000000"),
    ("duplicate_within", "50ms"),
    ("refuse_self_trade", "true"),
    ("day_loss_reduce", "1000"),
    ("day_loss_halt", "2000"),
    ("drawdown_reduce", "1000"),
    ("drawdown_halt", "2000"),
    ("max_open_orders", "1000"),
    ("max_order_age", "1h"),
    ("max_uncertain", "5"),
    ("slow_answer", "2s"),
    ("slow_answers", "5"),
    ("instruments", "BTCUSDT,ETHUSDT"),
    ("restricted", "LUNAUSDT"),
    ("sides", "BUY,SELL"),
    ("order_types", "LIMIT,LIMIT_MAKER,MARKET"),
    ("trading_hours", "daily 00:00-24:00"),
    ("min_free_disk_mb", "500"),
];

fn limits(strategy: StrategyId, symbol: Symbol) -> Result<RiskLimits, Failure> {
    let mut limits = RiskLimits::default();
    let scopes = [
        LimitScope::Global,
        LimitScope::Account,
        LimitScope::Strategy(strategy),
        LimitScope::Instrument(symbol),
    ];
    for key in Limits::KEYS {
        let value = VALUES.iter().find(|(name, _)| name == key);
        let (_, value) = value.ok_or_else(|| format!("{key} has no value here"))?;
        let set = scopes
            .iter()
            .filter(|scope| limits.set(scope, key, Some(value)).is_ok());
        if set.count() < 2 {
            return Err(format!("{key} = {value} is set nowhere").into());
        }
    }
    Ok(limits)
}

fn instrument(symbol: Symbol) -> Result<Instrument, Failure> {
    let lot = LotSize {
        min: "0.00001".parse()?,
        max: "9000".parse()?,
        step: "0.00001".parse()?,
    };
    let notional = NotionalRange {
        min: "5".parse()?,
        apply_min_to_market: true,
        max: Some("9000000".parse()?),
        apply_max_to_market: false,
    };
    let percent = PercentPrice {
        up: "5".parse()?,
        down: "0.2".parse()?,
    };
    Ok(Instrument {
        symbol,
        base: "BTC".parse()?,
        quote: "USDT".parse()?,
        status: TradingStatus::Trading,
        base_precision: 8,
        quote_precision: 8,
        order_types: vec![OrderType::Limit, OrderType::LimitMaker, OrderType::Market],
        default_self_trade_prevention: Some(SelfTradePrevention::ExpireMaker),
        self_trade_prevention: vec![SelfTradePrevention::ExpireMaker],
        amend_allowed: true,
        cancel_replace_allowed: true,
        filters: Filters {
            price: Some(PriceFilter {
                min: "0.01".parse()?,
                max: "1000000".parse()?,
                tick: "0.01".parse()?,
            }),
            percent_price: Some(percent),
            lot_size: Some(lot),
            market_lot_size: Some(lot),
            notional: Some(notional),
            max_num_orders: Some(200),
            max_num_algo_orders: Some(5),
            ..Filters::default()
        },
    })
}

struct Bench {
    risk: RiskState,
    instrument: Instrument,
    positions: PositionBook,
    strategy: StrategyId,
    now: Timestamp,
}

impl Bench {
    fn new() -> Result<Self, Failure> {
        let (strategy, symbol) = (StrategyId::new("dynamic_quot")?, Symbol::new("BTCUSDT")?);
        let mut bench = Self {
            risk: RiskState::default(),
            instrument: instrument(symbol)?,
            positions: PositionBook::default(),
            strategy,
            now: Timestamp::from_millis(1_795_000_000_000),
        };
        bench.positions.add(Pair::of(&bench.instrument));
        bench.risk.add_instrument(&bench.instrument);
        bench.risk.prepare(strategy, symbol);
        bench.risk.set_limits(limits(strategy, symbol)?);
        bench.risk.mark(symbol, "60000".parse()?);
        for number in 1..=OPEN {
            let command = bench.command(number)?;
            bench.place(&command)?;
            bench.later(100);
        }
        Ok(bench)
    }

    /// An order that differs from the last hundreds.
    fn command(&self, number: u64) -> Result<PlaceOrder, Failure> {
        let (side, away) = match number % 2 {
            0 => (Side::Buy, -1i64),
            _ => (Side::Sell, 1),
        };
        let cents = 6_000_000 + away * (100 + i64::try_from(number % 50)?);
        let lots = 100 + i64::try_from(number % 977)?;
        let price = Price::new(rust_decimal::Decimal::new(cents, 2))?;
        let quantity = Quantity::new(rust_decimal::Decimal::new(lots, 5))?;
        Ok(PlaceOrder {
            id: ClientOrderId::of(&OrderOrigin {
                strategy: self.strategy,
                run: RunId::from_millis(1_795_000_000_000),
                sequence: number,
            }),
            strategy: self.strategy,
            account: "main".parse()?,
            terms: NewOrder::limit(self.instrument.symbol, side, quantity, price),
            created: self.now,
        })
    }

    fn check(&self, command: PlaceOrder) -> Result<(), Failure> {
        let preconditions = Preconditions {
            level: HaltLevel::Active,
            purpose: Purpose::Entry,
            private_stream_live: true,
            clock_good: true,
            instrument_frozen: false,
            stopping: false,
        };
        let (open, _) = self.risk.open_on(command.terms.symbol);
        let situation = Situation {
            instrument: &self.instrument,
            reference: Some(Price::new(60_000.into())?),
            open: OpenCounts { ..open },
            preconditions,
            risk: &self.risk,
            now: self.now,
        };
        black_box(approve(command, situation))?;
        Ok(())
    }

    /// The order has been handed over.
    fn place(&mut self, command: &PlaceOrder) -> Result<(), Failure> {
        let mut order = Order::new(command.id, command.strategy, command.terms, self.now);
        order.learn(Learnt::HandedOver, self.now)?;
        self.risk.sent(command, self.now);
        let instrument = Some(&self.instrument);
        drop(
            self.risk
                .know(&order, &self.positions, instrument, self.now),
        );
        Ok(())
    }

    /// The order is gone again, without a fill.
    fn end(&mut self, command: &PlaceOrder) -> Result<(), Failure> {
        let mut order = Order::new(command.id, command.strategy, command.terms, self.now);
        order.learn(Learnt::HandedOver, self.now)?;
        order.learn(Learnt::Refused, self.now)?;
        let instrument = Some(&self.instrument);
        drop(
            self.risk
                .know(&order, &self.positions, instrument, self.now),
        );
        Ok(())
    }

    fn later(&mut self, millis: i64) {
        self.now = Timestamp::from_millis(self.now.as_millis() + millis);
    }
}

fn timed(
    times: &mut Histogram<u64>,
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let start = Instant::now();
    work()?;
    times.record(u64::try_from(start.elapsed().as_nanos())?)?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut bench = Bench::new()?;
    let mut times = Vec::new();
    for _ in 0..4 {
        times.push(Histogram::<u64>::new(3)?);
    }
    let text = [7u8; 256];
    let mut number = OPEN;
    for _ in 0..ROUNDS {
        for _ in 0..CHECKS {
            number += 1;
            bench.later(1);
            let command = bench.command(number)?;
            timed(&mut times[0], || bench.check(black_box(command)))?;
            timed(&mut times[1], || {
                bench.place(&command)?;
                bench.end(&command)
            })?;
            timed(&mut times[2], || {
                black_box(ring::digest::digest(
                    &ring::digest::SHA256,
                    black_box(&text),
                ));
                Ok(())
            })?;
            timed(&mut times[3], || Ok(()))?;
        }
    }
    let names = [
        "the whole check, all limits, 100 open",
        "taking an order in and out of the sums",
        "reference: SHA-256 of 256 bytes",
        "the clock alone",
    ];
    let reference = times[2].value_at_quantile(0.5).max(1);
    println!(
        "{} checks; p50, p99 and p99.9 in ns, and p50 in hundredths of the reference",
        ROUNDS * CHECKS
    );
    for (name, times) in names.iter().zip(&times) {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| times.value_at_quantile(quantile));
        println!(
            "  {name:40} {p50:7} {p99:7} {p999:7} {:7}",
            p50 * 100 / reference
        );
    }
    Ok(())
}
