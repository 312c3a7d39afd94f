use super::*;
use crate::model::{Event, OrderStatus};

fn synthetic(seed: u64) -> (Exchange, Market) {
    let mut exchange = exchange();
    let market = Market::new(&MarketConfig::default(), &mut exchange, seed, start()).unwrap();
    (exchange, market)
}

#[test]
fn every_book_starts_deep_and_stays_deep_tight_and_uncrossed() {
    let (mut exchange, mut market) = synthetic(11);
    for minute in 0..=10 {
        market.advance(&mut exchange, start().plus(minute * MINUTE));
        for [base, quote, tick, step, last] in &SYMBOLS {
            let name = format!("{base}{quote}");
            let depth = exchange.depth(symbol(&name), 1_000).unwrap();
            assert!(
                depth.bids.len() >= 50 && depth.asks.len() >= 50,
                "{name} after {minute} min: {} bids, {} asks",
                depth.bids.len(),
                depth.asks.len()
            );
            assert!(depth.bids.len() <= 200 && depth.asks.len() <= 200, "{name}");
            let (bid, ask) = (depth.bids[0].0, depth.asks[0].0);
            assert!(bid < ask, "{name} is crossed: {bid} {ask}");
            let width = (ask.value() - bid.value()) / bid.value();
            assert!(
                width < Decimal::new(2, 3),
                "{name} has a spread of {bid} to {ask}"
            );
            let moved = bid.value() / price(last).value();
            assert!(
                (Decimal::new(9, 1)..Decimal::new(11, 1)).contains(&moved),
                "{name} at {bid}"
            );
            for (at, size) in depth.bids.iter().chain(&depth.asks) {
                assert!(
                    at.is_multiple_of(price(tick)) && size.is_multiple_of(quantity(step)),
                    "{name} {at} {size}"
                );
            }
        }
    }
}

#[test]
fn the_prices_of_a_cross_fit_together_all_the_time() {
    let (mut exchange, mut market) = synthetic(12);
    for minute in 0..30 {
        market.advance(&mut exchange, start().plus(minute * MINUTE));
        let mid = |name| {
            let (bid, ask) = best(&exchange, name);
            bid.mean(ask).unwrap().value()
        };
        let made = mid("ETHUSDT") / mid("BTCUSDT");
        let off = (mid("ETHBTC") / made - Decimal::ONE).abs();
        assert!(
            off < Decimal::new(15, 4),
            "after {minute} min ETHBTC is {off} off"
        );
    }
}

#[test]
fn events_come_at_about_the_rates_that_are_set() {
    let (mut exchange, mut market) = synthetic(13);
    exchange.drain_events();
    market.advance(&mut exchange, start().plus(5 * MINUTE));
    let events = exchange.drain_events();
    let of = |wanted: Symbol| {
        let trades = events
            .iter()
            .filter(|e| matches!(e, Event::Trade(t) if t.symbol == wanted));
        let books = events
            .iter()
            .filter(|e| matches!(e, Event::BookChanged(b) if b.symbol == wanted));
        (trades.count(), books.count())
    };
    // 20 updates and 4 takers a second for 300 seconds; takers make one trade or more, bursts come on top.
    let (trades, books) = of(symbol("BTCUSDT"));
    assert!((1_200..8_000).contains(&trades), "{trades} trades");
    assert!((6_000..24_000).contains(&books), "{books} book changes");
    let times = |event: &Event| match event {
        Event::Trade(trade) => Some(trade.time),
        Event::BookChanged(book) => Some(book.time),
        _ => None,
    };
    assert!(events.iter().filter_map(times).is_sorted());
}

#[test]
fn a_users_order_at_the_touch_trades_before_long() {
    let (mut exchange, mut market) = synthetic(14);
    let bid = best(&exchange, "ETHUSDT").0;
    let order = place(&mut exchange, "ETHUSDT", Side::Buy, bid, "0.05", start());
    market.advance(&mut exchange, start().plus(10 * MINUTE));
    let order = current(&exchange, &order);
    assert_eq!(
        order.status,
        OrderStatus::Filled,
        "bought at {bid}, now {:?}",
        best(&exchange, "ETHUSDT")
    );
}

#[test]
fn what_a_user_takes_is_gone_and_the_quotes_come_back() {
    let (mut exchange, mut market) = synthetic(15);
    let name = symbol("BNBUSDT");
    let before = exchange.depth(name, 5).unwrap().asks;
    let fifth = before[4].0;
    let size: Decimal = before.iter().map(|level| level.1.value()).sum();
    let taken = place(
        &mut exchange,
        "BNBUSDT",
        Side::Buy,
        fifth,
        &size.to_string(),
        start(),
    );
    assert_eq!(taken.status, OrderStatus::Filled);
    assert!(exchange.depth(name, 1).unwrap().asks[0].0 > fifth);
    market.advance(&mut exchange, start().plus(MINUTE / 6));
    let (bid, ask) = best(&exchange, "BNBUSDT");
    assert!(
        ask.value() - bid.value() <= Decimal::new(20, 2),
        "{bid} {ask}"
    );
}

#[test]
fn the_seed_decides_everything_and_the_steps_of_the_clock_nothing() {
    let run = |seed: u64, steps: i64| {
        let (mut exchange, mut market) = synthetic(seed);
        for step in 1..=steps {
            market.advance(&mut exchange, start().plus(step * MINUTE / steps));
        }
        exchange.drain_events()
    };
    let events = run(21, 1);
    assert!(events == run(21, 60));
    assert!(events != run(22, 1));
}

#[test]
fn no_money_appears_while_a_user_trades_with_the_market() {
    let (mut exchange, mut market) = synthetic(16);
    let assets: Vec<Asset> = ["BTC", "ETH", "BNB", "EOS", "USDT"]
        .map(|name| Asset::new(name).unwrap())
        .to_vec();
    let totals = |exchange: &Exchange| {
        assets
            .iter()
            .map(|asset| exchange.total(*asset).sum())
            .collect::<Vec<_>>()
    };
    let before = totals(&exchange);
    for second in 0..120 {
        let now = start().plus(second * 1_000_000);
        market.advance(&mut exchange, now);
        for [base, quote, ..] in SYMBOLS {
            let name = format!("{base}{quote}");
            let (bid, ask) = best(&exchange, &name);
            let side = if second % 2 == 0 {
                Side::Buy
            } else {
                Side::Sell
            };
            let at = if second % 3 == 0 { ask } else { bid };
            let size = if base == "EOS" { "20" } else { "0.1" };
            place(&mut exchange, &name, side, at, size, now);
        }
    }
    assert_eq!(totals(&exchange), before);
    assert!(exchange.total(assets[4]).fees > Decimal::ZERO);
}

#[test]
fn a_market_that_was_skipped_ahead_does_not_make_up_for_the_pause() {
    let (mut exchange, mut market) = synthetic(17);
    market.skip_to(start().plus(60 * MINUTE));
    exchange.drain_events();
    market.advance(&mut exchange, start().plus(60 * MINUTE));
    assert!(exchange.drain_events().is_empty());
    assert!(market.next_at().unwrap() < start().plus(61 * MINUTE));
}

#[test]
fn a_market_without_a_starting_price_or_switched_off_says_so() {
    let mut bare = exchange();
    let off = SyntheticConfig {
        enabled: false,
        ..SyntheticConfig::default()
    };
    let config = MarketConfig {
        synthetic: off,
        replay: Vec::new(),
    };
    let market = Market::new(&config, &mut bare, 1, start()).unwrap();
    assert_eq!(market.next_at(), None);
    let mut rules = bare.instrument(symbol("BTCUSDT")).unwrap().clone();
    rules.last_price = None;
    let settings = Settings {
        instruments: vec![rules],
        accounts: Vec::new(),
        exchange_filters: ExchangeFilters::default(),
        seed: 1,
    };
    let mut unpriced = Exchange::new(settings, start());
    let error = Market::new(&MarketConfig::default(), &mut unpriced, 1, start()).unwrap_err();
    assert!(
        error.to_string().contains("BTCUSDT has no starting price"),
        "{error}"
    );
}
