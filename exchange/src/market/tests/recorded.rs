//! Real recordings, when there are any.

use std::path::PathBuf;

use super::replaying::play;
use super::*;
use crate::model::{Event, OrderStatus};

fn captures(name: &str) -> PathBuf {
    let folder = std::env::var_os("TRIPLINE_CAPTURES")
        .expect("TRIPLINE_CAPTURES names the folder of recordings");
    PathBuf::from(folder)
        .join("binance-raw-hftbacktest")
        .join(name)
}

#[test]
#[ignore = "needs recorded market data: set TRIPLINE_CAPTURES"]
fn a_real_recording_drives_a_book_that_ends_as_the_recorded_one() {
    let (mut exchange, mut market) = play(ReplayConfig {
        symbol: symbol("BTCUSDT"),
        files: vec![captures("spot_btcusdt_20240808.gz")],
        recorded: None,
        speed: 1.0,
        repeat: false,
    });
    let (mut last, mut volume, mut ticks) = (0, Decimal::ZERO, 0);
    while let Some(next) = market.next_at() {
        market.advance(&mut exchange, next);
        for event in exchange.drain_events() {
            match event {
                Event::BookChanged(book) => {
                    assert_eq!(book.first_update_id, last + 1);
                    last = book.last_update_id;
                }
                Event::Trade(trade) => volume += trade.quantity.value(),
                Event::BookTicker(ticker) => {
                    ticks += 1;
                    if let (Some(bid), Some(ask)) = (ticker.bid, ticker.ask) {
                        assert!(bid.0 < ask.0, "crossed at {:?}", ticker.time);
                    }
                }
                _ => {}
            }
        }
    }
    let (_, progress) = market.replays().next().unwrap();
    assert_eq!(
        (progress.lines, progress.bad_lines, progress.gaps),
        (41_249, 0, 0)
    );
    assert_eq!((progress.depth_events, progress.trades), (3_451, 9_757));
    assert!(ticks > 20_000, "{ticks} changes of the best prices");
    assert_eq!(volume, "212.03315".parse().unwrap());
    let expected = std::fs::read(captures("../expected/spot_btcusdt_20240808.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    let depth = exchange.depth(symbol("BTCUSDT"), 20).unwrap();
    for (rows, name) in [
        (depth.bids, "final_bids_top20"),
        (depth.asks, "final_asks_top20"),
    ] {
        let expected: Vec<(Price, Quantity)> =
            serde_json::from_value(expected["book"][name].clone()).unwrap();
        assert_eq!(rows.len(), 20);
        // The last ticker is newer than the last depth event, so the best quantity may differ.
        assert_eq!(
            (rows[0].0, &rows[1..]),
            (expected[0].0, &expected[1..]),
            "{name}"
        );
    }
}

#[test]
#[ignore = "needs recorded market data: set TRIPLINE_CAPTURES"]
fn users_trade_in_a_real_recording_and_no_money_appears() {
    let (mut exchange, mut market) = play(ReplayConfig {
        symbol: symbol("BTCUSDT"),
        files: vec![captures("spot_btcusdt_20240808.gz")],
        recorded: None,
        speed: 1.0,
        repeat: false,
    });
    let (btc, usdt) = (Asset::new("BTC").unwrap(), Asset::new("USDT").unwrap());
    let before = (exchange.total(btc).sum(), exchange.total(usdt).sum());
    let mut orders = Vec::new();
    for second in 1..330 {
        let now = start().plus(second * 1_000_000);
        market.advance(&mut exchange, now);
        let (bid, ask) = best(&exchange, "BTCUSDT");
        let (side, at) = if second % 2 == 0 {
            (Side::Buy, bid)
        } else {
            (Side::Sell, ask)
        };
        orders.push(place(&mut exchange, "BTCUSDT", side, at, "0.001", now));
    }
    let filled = orders
        .iter()
        .filter(|order| current(&exchange, order).status == OrderStatus::Filled);
    let filled = filled.count();
    assert!(
        filled > 100,
        "{filled} of {} orders at the touch traded",
        orders.len()
    );
    assert_eq!(
        (exchange.total(btc).sum(), exchange.total(usdt).sum()),
        before
    );
}
