//! Halt latency over loopback: the composed engine trades at every tick against the practice exchange, and a
//! thousand faults of every kind are injected one after the other. Each is measured from the fault to the latch, to
//! the last order that the exchange received, to the confirmed cancels and to the alert at a local receiver; then
//! the halt is lifted, and the engine trades on.
//!
//! `TRIPLINE_FAULTS` says how many. With `--features planted` and `TRIPLINE_PLANT=1` the engine does not look at the
//! latch when it hands an order over, which `orders_after_latch` must show.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod figures;
mod inject;
mod marks;
mod receiver;
mod tap;
mod trader;

use std::error::Error;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;

use inject::{Engine, Traders};
use tap::TappedVenue;
use trader::{Script, Trader};
use tripline::memory::Memory;
use tripline::settings::EngineSettings;
use tripline::{StartError, Tripline, binance_on};
use tripline_actors::alert::channels::webhook;
use tripline_actors::alert::{ChannelConfig, SecretSource};
use tripline_actors::clock::Clock;
use tripline_actors::venue::binance::settings::OrderTransport;
use tripline_actors::venue::binance::{ApiCredentials, Binance, BinanceSettings};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltPolicy, Reaction};
use tripline_engine::journal::Durability;
use tripline_engine::risk::RiskLimits;
use tripline_exchange::{ExchangeConfig, spawn_in_thread};

fn main() -> Result<(), Box<dyn Error>> {
    // Injected panics say nothing; the engine chains its own hook to this one.
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        if !text.contains("injected") {
            eprintln!("{text}");
        }
    }));
    let faults = std::env::var("TRIPLINE_FAULTS").map_or(Ok(1_000), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("tripline-halts-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let exchange = spawn_in_thread(lively(), 0)?;
    let measured = actix_rt::System::new().block_on(async {
        let clock = Clock::system();
        marks::install(clock.clone())?;
        plant();
        let engine = start(exchange.addr, &folder, clock).await?;
        engine.measure(faults).await
    });
    std::fs::remove_dir_all(&folder)?;
    figures::print(&measured?);
    Ok(())
}

#[cfg(feature = "planted")]
fn plant() {
    use tripline_engine::planted::{Planted, plant};
    if std::env::var_os("TRIPLINE_PLANT").is_some() {
        plant(Some(Planted::LatchAskedEarly));
    }
}

#[cfg(not(feature = "planted"))]
fn plant() {}

/// Ticks often, and its limits leave room for an order at each of them.
fn lively() -> ExchangeConfig {
    let mut config = ExchangeConfig::default();
    config.market.synthetic.updates_per_second = 100.0;
    config.limits.weight_per_minute = 1_000_000_000;
    config.limits.raw_per_5_minutes = 1_000_000_000;
    config.limits.orders_per_10_seconds = 100_000_000;
    config.limits.orders_per_day = 1_000_000_000;
    config.limits.connections_per_5_minutes = 1_000_000;
    config
}

async fn start(
    exchange: std::net::SocketAddr,
    folder: &Path,
    clock: Clock,
) -> Result<Engine, Box<dyn Error>> {
    let (venue, credentials) = binance_on(exchange);
    let memory = Memory::open(
        &folder.join("journal"),
        Durability::Process,
        String::new(),
        &clock,
    )?;
    let traders: Traders = [
        ("a", "BTCUSDT", ["55000", "54000"], "0.01"),
        ("b", "ETHUSDT", ["2750", "2700"], "0.1"),
    ]
    .map(|(name, symbol, prices, quantity)| (name, symbol, prices, quantity, Rc::default()));
    // Every kind halts; limits would halt what trades at every tick.
    let strict = FaultKind::ALL.iter();
    let settings = EngineSettings {
        policy: strict.fold(HaltPolicy::default(), |policy, kind| {
            policy.with(*kind, Reaction::STRICT)
        }),
        risk: RiskLimits::default(),
        ..EngineSettings::of("bench".parse()?)
    };
    let mut builder = Tripline::builder(settings)
        .clock(clock)
        .memory(memory)
        .alert(person(folder)?)
        .venue(move |clock| {
            let tapped = tapped(venue, &credentials, clock);
            tapped.map_err(|error| StartError::Venue(error.to_string()))
        });
    for (name, symbol, prices, quantity, script) in &traders {
        let script: &Rc<Script> = script;
        let trader = Trader {
            symbol: symbol.parse()?,
            prices: *prices,
            quantity,
            script: script.clone(),
            resting: None,
            probe: None,
        };
        builder = builder.strategy(name, trader)?;
    }
    let running = builder.start().await?;
    for (.., script) in &traders {
        let tools = (running.faults().clone(), running.clock().clone());
        *script.tools.borrow_mut() = Some(tools);
    }
    Ok(Engine::new(running, traders, exchange))
}

fn tapped(
    mut venue: BinanceSettings,
    credentials: &ApiCredentials,
    clock: &Clock,
) -> Result<Rc<dyn tripline_actors::venue::Venue>, Box<dyn Error>> {
    // One fault in fifty cuts a connection. The waits between attempts, which grow with every cut that
    // follows soon, are for a venue that has a break and not for a thousand breaks in three minutes.
    venue.bounds.reconnect_longest_ms = 1_000;
    let by_rest = BinanceSettings {
        order_transport: OrderTransport::Rest,
        ..venue.clone()
    };
    Ok(Rc::new(TappedVenue {
        tapped: Binance::over(tap::connector(), 7, venue, credentials, clock.clone())?,
        plain: Binance::new(by_rest, credentials, clock.clone())?,
    }))
}

/// The channel to the receiver.
fn person(folder: &Path) -> Result<ChannelConfig, Box<dyn Error>> {
    let address = receiver::start()?;
    let secret = |name: &str, text: &str| -> std::io::Result<SecretSource> {
        let path = folder.join(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).mode(0o600).open(&path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(SecretSource::File(path))
    };
    let config = webhook::Config {
        url: secret("url", &format!("http://{address}/told"))?,
        base_url: None,
        key: secret("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?,
    };
    Ok(config.into())
}
