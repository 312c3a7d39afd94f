//! What is asked for over the market feed's connection, and how often.

use super::*;

use tripline_engine::messages::market::MarketEvent;
use tripline_engine::ports::VenueError;

use crate::feed::FeedEvent;
use crate::venue::MarketConnection;
use crate::venue::binance::ws::MarketFeed;

/// Binance's limit: five messages a second from the client.
fn keeps_the_limit(times: &[Instant]) -> bool {
    times
        .windows(6)
        .all(|six| six[5] - six[0] >= Duration::from_secs(1))
}

fn many(from: usize, to: usize) -> Vec<Subscription> {
    (from..to)
        .map(|number| Subscription::Trades(Symbol::new(&format!("A{number}USDT")).unwrap()))
        .collect()
}

fn start(client: &awc::Client, subscriptions: &[Subscription]) -> (MarketFeed, Told<FeedEvent>) {
    let (told, sink) = Told::sink();
    let settings = feed_settings(client, bounds());
    (MarketFeed::start(settings, subscriptions, sink), told)
}

fn is_up(event: &FeedEvent) -> bool {
    matches!(event, FeedEvent::Up)
}

#[actix_rt::test]
async fn many_streams_are_asked_for_in_batches_within_the_limit_of_messages() {
    let (client, mut network) = network(1 << 20);
    let (feed, told) = start(&client, &many(0, 850));
    let mut peer = network.accept().await;
    let (mut names, mut times) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let request = peer.agree().await;
        times.push(Instant::now());
        names.extend(request["params"].as_array().unwrap().clone());
    }
    told.until("up", is_up).await;
    assert_eq!(names.len(), 850);
    // Several changes at the same time share the limit.
    for number in 851..859 {
        let answer = feed.follow(&many(0, number));
        actix_rt::spawn(async move { answer.await.unwrap() });
    }
    for _ in 0..8 {
        peer.agree().await;
        times.push(Instant::now());
    }
    assert!(keeps_the_limit(&times), "{times:?}");
}

#[actix_rt::test]
async fn subscribing_and_unsubscribing_work_on_the_live_connection_and_hold_for_the_next() {
    let (client, mut network) = network(65_536);
    let (feed, told) = start(&client, &[best()]);
    let mut peer = network.accept().await;
    peer.agree().await;
    told.until("up", is_up).await;
    let asked = actix_rt::spawn(feed.follow(&many(1, 2)));
    let request = peer.agree().await;
    assert_eq!(
        (&request["method"], &request["params"]),
        (&json!("SUBSCRIBE"), &json!(["a1usdt@trade"]))
    );
    let request = peer.agree().await;
    assert_eq!(
        (&request["method"], &request["params"]),
        (&json!("UNSUBSCRIBE"), &json!(["btcusdt@bookTicker"]))
    );
    asked.await.unwrap().unwrap();
    drop(peer);
    let mut peer = network.accept().await;
    assert_eq!(peer.agree().await["params"], json!(["a1usdt@trade"]));
}

#[actix_rt::test]
async fn a_refused_or_unanswered_request_is_a_typed_error() {
    let (client, mut network) = network(65_536);
    let (feed, told) = start(&client, &[best()]);
    let error = feed.follow(&many(1, 2)).await.unwrap_err();
    assert!(
        matches!(error, VenueError::Network(_)),
        "not connected yet: {error:?}"
    );
    feed.follow(&[]).await.unwrap(); // Nothing is to be asked for.
    let mut peer = network.accept().await;
    told.until("up", is_up).await;
    let asked = actix_rt::spawn(feed.follow(&many(2, 3)));
    let request = peer.request().await;
    let refusal =
        json!({"code": 2, "msg": "Invalid request: too many parameters", "id": request["id"]});
    peer.say(&refusal.to_string()).await;
    let error = asked.await.unwrap().unwrap_err();
    assert!(
        matches!(error, VenueError::InvalidRequest { code: 2, .. }),
        "{error:?}"
    );
    // Not answered, while the connection lives.
    let asked = actix_rt::spawn(feed.follow(&many(2, 4)));
    peer.request().await;
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, VenueError::Timeout(_)), "{error:?}");
    // The connection ends before the answer.
    let asked = actix_rt::spawn(feed.follow(&many(2, 5)));
    loop {
        let request = peer.request().await;
        if request["method"] == "SUBSCRIBE" {
            break;
        }
        peer.answer(&request, json!([])).await;
    }
    drop(peer);
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, VenueError::Network(_)), "{error:?}");
}

#[actix_rt::test]
async fn a_subscription_made_during_a_hand_over_is_on_the_new_connection() {
    let (client, mut network) = network(65_536);
    let (feed, told) = start(&client, &[best()]);
    let mut old = network.accept().await;
    old.agree().await;
    told.until("up", is_up).await;
    old.say(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1790000000000}}"#)
        .await;
    let mut new = network.accept().await;
    let subscribe = new.request().await;
    let wanted = |number| [&[best()], &many(1, number)[..]].concat();
    let asked = actix_rt::spawn(feed.follow(&wanted(2)));
    assert_eq!(old.agree().await["params"], json!(["a1usdt@trade"]));
    asked.await.unwrap().unwrap();
    // Another change, which the old connection does not answer any more.
    let asked = actix_rt::spawn(feed.follow(&wanted(3)));
    assert_eq!(old.request().await["params"], json!(["a2usdt@trade"]));
    new.answer(&subscribe, Value::Null).await;
    assert_eq!(
        new.agree().await["params"],
        json!(["a1usdt@trade", "a2usdt@trade"])
    );
    told.until("up", is_up).await;
    asked.await.unwrap().unwrap();
}

#[actix_rt::test]
async fn a_stamp_in_another_unit_than_was_asked_for_is_changed_data() {
    let (client, mut network) = network(65_536);
    let (told, sink) = Told::sink();
    let settings = FeedSettings {
        time_unit: TimeUnit::Microsecond,
        ..feed_settings(&client, bounds())
    };
    let _feed = MarketFeed::start(settings, &[Subscription::Trades(symbol())], sink);
    let mut peer = network.accept().await;
    assert_eq!(peer.path, "/stream?streams=&timeUnit=MICROSECOND");
    peer.agree().await;
    let trade = |stamp: &str| {
        let data = format!(
            r#"{{"e":"trade","E":{stamp},"s":"BTCUSDT","t":1,"p":"1.0","q":"1.0","T":{stamp},"m":true,"M":true}}"#
        );
        format!(r#"{{"stream":"btcusdt@trade","data":{data}}}"#)
    };
    peer.say(&trade("1790000000000123")).await;
    let event = told.until("event", |event| matches!(event, FeedEvent::Event(_)));
    let FeedEvent::Event(MarketEvent::Trade(trade_seen)) = event.await else {
        panic!()
    };
    assert_eq!(
        trade_seen.venue_time,
        Timestamp::from_micros(1_790_000_000_000_123)
    );
    peer.say(&trade("1790000000000")).await;
    let is_changed = |event: &FeedEvent| {
        matches!(
            event,
            FeedEvent::Malformed {
                error: VenueError::ChangedData { .. },
                ..
            }
        )
    };
    told.until("malformed", is_changed).await;
}

#[actix_rt::test]
async fn what_is_malformed_names_its_symbol_and_the_rest_arrives() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = start(&client, &[best()]);
    let mut peer = network.accept().await;
    peer.agree().await;
    peer.say(&ticker(1).replace("\"50000.00\"", "50000.00"))
        .await;
    let malformed = told
        .until("malformed", |event| {
            matches!(event, FeedEvent::Malformed { .. })
        })
        .await;
    let FeedEvent::Malformed {
        symbol: named,
        error,
    } = malformed
    else {
        panic!()
    };
    assert_eq!(named, Some(symbol()));
    assert!(matches!(error, VenueError::ChangedData { .. }), "{error:?}");
    peer.say(&ticker(2)).await;
    told.until("event", |event| matches!(event, FeedEvent::Event(_)))
        .await;
}
