//! The complete engine under measurement: market data actor, strategy actor, gateway with risk check,
//! latch and signature, journal, Binance adapter over the WebSocket API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tripline::memory::Memory;
use tripline::settings::EngineSettings;
use tripline::{Tripline, binance_at};
use tripline_actors::clock::Clock;
use tripline_engine::ids::Symbol;
use tripline_engine::journal::Durability;
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::money::Quantity;
use tripline_engine::order::{NewOrder, Side, TimeInForce};
use tripline_engine::risk::{LimitScope, RiskLimits};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};

/// Answers each tick with one immediate-or-cancel order at its best bid.
struct AtEachTick {
    symbol: Symbol,
    quantity: Quantity,
    /// Ticks up to this one only make the engine ready.
    first: u64,
    ready: Arc<AtomicBool>,
}

impl Strategy for AtEachTick {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(self.symbol)]
    }

    fn on_ready(&mut self, _: &mut Context<'_>) -> StrategyResult {
        self.ready.store(true, Ordering::Release);
        Ok(())
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        if best.update_id > self.first {
            let order = NewOrder::limit(self.symbol, Side::Buy, self.quantity, best.bid.price);
            ctx.place(order.with_time_in_force(TimeInForce::Ioc))?;
        }
        Ok(())
    }
}

/// An engine on a thread of its own. Its REST side is the practice exchange, its streams and orders are
/// the benchmark's.
pub struct Engine {
    pub ready: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), String>>,
}

impl Engine {
    /// With a journal of this durability, or without one.
    pub fn start(bench: SocketAddr, rest: SocketAddr, journal: Option<Durability>) -> Self {
        let ready = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(AtomicBool::new(false));
        let (is_ready, stops) = (ready.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            run([bench, rest], journal, is_ready, &stops).map_err(|error| error.to_string())
        });
        Self {
            ready,
            stop,
            thread,
        }
    }

    pub fn join(self) -> Result<(), Box<dyn std::error::Error>> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().map_err(|_| "the engine panicked")??;
        Ok(())
    }
}

fn run(
    [bench, rest]: [SocketAddr; 2],
    journal: Option<Durability>,
    ready: Arc<AtomicBool>,
    stop: &AtomicBool,
) -> Result<(), Box<dyn std::error::Error>> {
    let (venue, credentials) = binance_at(rest, bench, bench);
    let strategy = AtEachTick {
        symbol: "BTCUSDT".parse()?,
        quantity: "0.001".parse()?,
        first: crate::exchange::FIRST_UPDATE,
        ready,
    };
    let settings = EngineSettings {
        stop_within: Duration::from_millis(200),
        resting_orders: tripline_engine::messages::control::RestingOrders::Keep,
        risk: limits()?,
        ..EngineSettings::of("bench".parse()?)
    };
    let folder = std::env::temp_dir().join(format!("tripline-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (clock, file) = (Clock::system(), folder.join("journal"));
    let memory = match journal {
        Some(durability) => Memory::open(&file, durability, String::new(), &clock)?,
        None => Memory::default(),
    };
    let builder = Tripline::builder(settings)
        .clock(clock)
        .memory(memory)
        .binance(venue, credentials)
        .strategy("bench", strategy)?;
    actix_rt::System::new().block_on(async move {
        let running = builder.start().await?;
        while !stop.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let report = running.stop().await;
        let sent = report
            .snapshot
            .map_or(0, |snapshot| snapshot.desk.orders_sent);
        let halted = report.halted;
        std::fs::remove_dir_all(folder)?;
        if sent == 0 {
            Err(format!("the engine sent no order; halted: {halted:?}").into())
        } else {
            Ok(())
        }
    })
}

/// The limits of practice, but for those of how often: this strategy orders at every tick, and always the same.
fn limits() -> Result<RiskLimits, Box<dyn std::error::Error>> {
    let mut limits = RiskLimits::practice();
    for (key, value) in [
        ("new_per_second", "1000000"),
        ("new_per_minute", "1000000"),
        ("repeated_orders", "1000000"),
        ("duplicate_within", "0ms"),
    ] {
        limits.set(&LimitScope::Global, key, Some(value))?;
    }
    Ok(limits)
}
