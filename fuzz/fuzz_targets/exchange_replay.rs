//! Recordings that drive the practice exchange's market, with orders of an account in the book.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use tripline_exchange::ExchangeConfig;
use tripline_exchange::market::{Market, MarketConfig, ReplayConfig};
use tripline_exchange::model::{Exchange, NewOrder, OrderType, Side, Time, TimeInForce};

fn order(side: Side, price: &str) -> Option<NewOrder> {
    let mut order = NewOrder::new("BTCUSDT".parse().ok()?, side, OrderType::Limit);
    order.time_in_force = Some(TimeInForce::Gtc);
    order.price = Some(price.parse().ok()?);
    order.quantity = Some("0.5".parse().ok()?);
    Some(order)
}

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("tripline-fuzz-replay-{}", std::process::id()));
    let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(bytes));
    written.expect("the temporary folder can be written");
    let config = ExchangeConfig::default();
    let start = Time::from_millis(1_790_000_000_000);
    let mut exchange = Exchange::new(config.settings().expect("possible"), start);
    let replay = ReplayConfig {
        symbol: "BTCUSDT".parse().expect("a symbol"),
        files: vec![path],
        recorded: None,
        speed: 1_000.0,
        repeat: true,
    };
    let mut market_config = MarketConfig {
        replay: vec![replay],
        ..MarketConfig::default()
    };
    market_config.synthetic.enabled = false;
    let Ok(mut market) = Market::new(&market_config, &mut exchange, 1, start) else {
        return;
    };
    let account = config.accounts[0].id;
    for (second, (side, price)) in [(Side::Buy, "59990"), (Side::Sell, "60010")].into_iter().cycle().take(8).enumerate() {
        let now = start.plus(second as i64 * 100_000);
        market.advance(&mut exchange, now);
        if let Some(order) = order(side, price) {
            drop(exchange.place(account, &order, now));
        }
        exchange.drain_events();
    }
});
