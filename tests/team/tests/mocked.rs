//! The team's strategy against the mocked gateway.

use std::time::Duration;

use team::JoinTheBid;
use tripline_actors::testing::{Rig, Scripted, btcusdt};
use tripline_engine::messages::market::{BestBidAsk, Level};
use tripline_engine::time::Timestamp;

fn touch(bid: &str, ask: &str) -> BestBidAsk {
    let level = |price: &str| Level { price: price.parse().unwrap(), quantity: "1".parse().unwrap() };
    let received = Timestamp::from_millis(1_795_000_000_000);
    BestBidAsk { symbol: btcusdt().symbol, bid: level(bid), ask: level(ask), update_id: 1, venue_time: None, received }
}

fn strategy() -> Box<JoinTheBid> {
    Box::new(JoinTheBid { symbol: btcusdt().symbol, quantity: "0.01".parse().unwrap(), done: false })
}

#[actix_rt::test]
async fn a_fill_before_the_acknowledgement_ends_the_quoting() {
    let script = [Scripted::FillBeforeAck { market_price: "60000".parse().unwrap() }];
    let rig = Rig::start(strategy(), vec![btcusdt()], script).await;
    rig.send(touch("60000.00", "60000.01")).await;
    rig.send(touch("60001.00", "60001.01")).await;
    assert_eq!(rig.placed().len(), 1);
    assert_eq!(rig.placed()[0].price, Some("60000.00".parse().unwrap()));
}

#[actix_rt::test]
async fn an_order_whose_answer_is_lost_is_not_placed_again() {
    let rig = Rig::start(strategy(), vec![btcusdt()], [Scripted::Timeout]).await;
    rig.send(touch("60000.00", "60000.01")).await;
    rig.pass(Duration::from_millis(20)).await;
    rig.send(touch("60001.00", "60001.01")).await;
    assert_eq!(rig.placed().len(), 1);
}

