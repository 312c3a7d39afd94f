//! The team's program: both strategies in one engine, for a few seconds on a practice exchange.

use std::time::Duration;

use team::JoinTheBid;
use team::bare::BuyOnce;
use tripline::settings::EngineSettings;
use tripline::{Tripline, binance_on};
use tripline_engine::ids::Symbol;
use tripline_exchange::{ExchangeConfig, spawn_in_thread};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exchange = spawn_in_thread(ExchangeConfig::default(), 0)?;
    let (venue, credentials) = binance_on(exchange.addr);
    let (btc, eth): (Symbol, Symbol) = ("BTCUSDT".parse()?, "ETHUSDT".parse()?);
    let quantity = "0.01".parse()?;
    let builder = Tripline::builder(EngineSettings::of("team".parse()?))
        .binance(venue, credentials)
        .strategy("join", JoinTheBid { symbol: btc, quantity: "0.001".parse()?, done: false })?
        .strategy_actor("buy", BuyOnce::subscriptions(eth), move |wiring| BuyOnce::start_with(wiring, eth, quantity))?;
    actix_rt::System::new().block_on(async move {
        let running = builder.start().await?;
        for _ in 0..100 {
            pause().await;
            let orders = running.snapshot().await.map(|snapshot| snapshot.desk.orders).unwrap_or_default();
            let bought = orders.iter().any(|order| order.strategy.as_str() == "buy" && order.is_settled());
            let joined = orders.iter().any(|order| order.strategy.as_str() == "join");
            if bought && joined {
                break;
            }
        }
        let report = running.stop().await;
        let orders = report.snapshot.map(|snapshot| snapshot.desk.orders).unwrap_or_default();
        for order in &orders {
            println!("{} {:?} {} executed", order.strategy, order.state, order.executed());
        }
        let of = |name: &str| orders.iter().filter(|order| order.strategy.as_str() == name).count();
        let all = report.stop.swept && of("buy") == 1 && of("join") >= 1 && report.halted.is_empty();
        if all { Ok(()) } else { Err(format!("not as it should be: {:?}", report.halted).into()) }
    })
}

async fn pause() {
    actix_rt::time::sleep(Duration::from_millis(100)).await;
}
