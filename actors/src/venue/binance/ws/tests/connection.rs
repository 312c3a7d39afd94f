//! What every connection does, seen on the market feed's.

use super::*;

use actix_http::ws::{CloseCode, Item};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tripline_engine::ports::VenueError;

use crate::feed::FeedEvent;
use crate::venue::Connection;
use crate::venue::binance::limits::Limits;
use crate::venue::binance::ws::MarketFeed;

fn feed(client: &awc::Client, bounds: Bounds) -> (MarketFeed, Told<FeedEvent>) {
    let (told, sink) = Told::sink();
    let settings = feed_settings(client, bounds);
    (MarketFeed::start(settings, &[best()], sink), told)
}

fn is_up(event: &FeedEvent) -> bool {
    matches!(event, FeedEvent::Up)
}

fn is_down(event: &FeedEvent) -> bool {
    matches!(event, FeedEvent::Down { .. })
}

fn is_event(event: &FeedEvent) -> bool {
    matches!(event, FeedEvent::Event(_))
}

fn is_lost(event: &FeedEvent) -> bool {
    matches!(event, FeedEvent::Lost { .. })
}

#[actix_rt::test]
async fn a_ping_is_answered_at_once_with_its_payload() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let mut peer = network.accept().await;
    assert_eq!(peer.path, "/stream?streams=");
    let subscribe = peer.request().await;
    // Even before the subscription is answered.
    peer.put(Message::Ping(Bytes::from_static(b"1790000000000")))
        .await;
    assert_eq!(
        peer.frame().await,
        Some(Frame::Pong(Bytes::from_static(b"1790000000000")))
    );
    peer.answer(&subscribe, Value::Null).await;
    told.until("up", is_up).await;
    let before = Instant::now();
    peer.put(Message::Ping(Bytes::from_static(&[0, 255]))).await;
    assert_eq!(
        peer.frame().await,
        Some(Frame::Pong(Bytes::from_static(&[0, 255])))
    );
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[actix_rt::test]
async fn a_message_in_pieces_arrives_whole_with_a_ping_between_them() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let mut peer = network.accept().await;
    peer.agree().await;
    let text = ticker(5);
    let (first, rest) = text.split_at(20);
    let (second, third) = rest.split_at(30);
    let piece = |text: &str| Bytes::from(text.to_owned());
    peer.put(Message::Continuation(Item::FirstText(piece(first))))
        .await;
    peer.put(Message::Ping(Bytes::from_static(b"x"))).await;
    peer.put(Message::Continuation(Item::Continue(piece(second))))
        .await;
    peer.put(Message::Continuation(Item::Last(piece(third))))
        .await;
    told.until("event", is_event).await;
    assert_eq!(
        peer.frame().await,
        Some(Frame::Pong(Bytes::from_static(b"x")))
    );
}

#[actix_rt::test]
async fn what_cannot_be_read_is_told_as_lost_and_the_next_message_arrives() {
    let small = Bounds {
        message_limit_bytes: 65_536,
        ..bounds()
    };
    let half = Bytes::from(vec![b'x'; 40_000]);
    let pieces = [
        vec![Message::Text("x".repeat(70_000).into())],
        // The loss is known with the second piece; it is told once.
        vec![
            Message::Continuation(Item::FirstText(half.clone())),
            Message::Continuation(Item::Continue(half.clone())),
            Message::Continuation(Item::Continue(half.clone())),
            Message::Continuation(Item::Last(half.clone())),
        ],
        // A piece in the middle is too long: the rest is no message.
        vec![
            Message::Continuation(Item::FirstText(half.clone())),
            Message::Continuation(Item::Continue(Bytes::from(vec![b'x'; 70_000]))),
            Message::Continuation(Item::Last(half)),
        ],
        vec![Message::Binary(Bytes::from_static(b"{}"))],
    ];
    tokio::time::pause();
    for messages in pieces {
        let (client, mut network) = one_more_network(65_536);
        let (_feed, told) = feed(&client, small);
        let mut peer = network.accept().await;
        peer.agree().await;
        told.until("up", is_up).await;
        let shown = format!(
            "{} messages, the first {:.40?}",
            messages.len(),
            messages[0]
        );
        for message in messages {
            peer.put(message).await;
        }
        peer.say(&ticker(6)).await;
        told.until("event", is_event).await;
        assert!(told.all().is_empty(), "{shown}: {told:?}");
        // The connection goes on.
        peer.put(Message::Ping(Bytes::new())).await;
        assert_eq!(
            peer.frame().await,
            Some(Frame::Pong(Bytes::new())),
            "{shown}"
        );
    }
}

#[actix_rt::test]
async fn each_loss_is_told_once() {
    let small = Bounds {
        message_limit_bytes: 65_536,
        ..bounds()
    };
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, small);
    let mut peer = network.accept().await;
    peer.agree().await;
    let half = Bytes::from(vec![b'x'; 40_000]);
    peer.put(Message::Continuation(Item::FirstText(half.clone())))
        .await;
    peer.put(Message::Continuation(Item::Continue(half.clone())))
        .await;
    // Told before the message ends, which it may never do.
    told.until("lost", is_lost).await;
    peer.put(Message::Continuation(Item::Last(half))).await;
    // Text that is not UTF-8: the codec of this side writes bytes as they are only by hand.
    let frame = [0x81, 2, 0xff, 0xfe];
    peer.socket.io_mut().write_all(&frame).await.unwrap();
    told.until("lost", is_lost).await;
    peer.say(&ticker(1)).await;
    told.until("event", is_event).await;
    assert!(!told.all().iter().any(is_lost), "{told:?}");
}

#[actix_rt::test]
async fn a_close_is_answered_and_an_end_of_any_kind_leads_to_a_new_connection() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let mut peer = network.accept().await;
    peer.agree().await;
    peer.put(Message::Close(Some(CloseCode::Restart.into())))
        .await;
    assert!(matches!(peer.frame().await, Some(Frame::Close(_))));
    let down = told.until("down", is_down).await;
    assert!(format!("{down:?}").contains("Restart"), "{down:?}");
    let mut peer = network.accept().await;
    peer.agree().await;
    told.until("up", is_up).await;
    // Without a word.
    drop(peer);
    told.until("down", is_down).await;
    let mut peer = network.accept().await;
    peer.agree().await;
    told.until("up", is_up).await;
    // In the middle of a frame.
    peer.socket
        .io_mut()
        .write_all(&[0x81, 100, b'{'])
        .await
        .unwrap();
    drop(peer);
    told.until("down", is_down).await;
    network.accept().await;
}

#[actix_rt::test]
async fn a_peer_that_only_pings_is_asked_and_then_given_up() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let mut peer = network.accept().await;
    peer.agree().await;
    told.until("up", is_up).await;
    let heard_last = Instant::now();
    let mut asked = None;
    let ended = loop {
        tokio::select! {
            frame = peer.socket.next() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    assert!(String::from_utf8_lossy(&text).contains("LIST_SUBSCRIPTIONS"));
                    asked.get_or_insert(heard_last.elapsed());
                }
                Some(Ok(Frame::Pong(_))) => {}
                Some(Ok(Frame::Close(_))) | None => break heard_last.elapsed(),
                other => panic!("{other:?}"),
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => peer.put(Message::Ping(Bytes::new())).await,
        }
    };
    let whole = Duration::from_millis(bounds().market_silence_ms);
    let about =
        |time: Duration, expected: Duration| time.abs_diff(expected) < Duration::from_millis(50);
    assert!(about(asked.unwrap(), whole / 2), "{asked:?}");
    assert!(about(ended, whole), "{ended:?}");
    told.until("down", is_down).await;
}

#[actix_rt::test]
async fn an_answered_question_keeps_a_quiet_market_connected() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let mut peer = network.accept().await;
    peer.agree().await;
    told.until("up", is_up).await;
    for _ in 0..20 {
        let question = peer.request().await;
        assert_eq!(question["method"], "LIST_SUBSCRIPTIONS");
        peer.answer(&question, json!(["btcusdt@bookTicker"])).await;
    }
    assert!(told.all().is_empty(), "{told:?}");
}

/// The waits between the attempts to connect.
async fn waits(seed: u64) -> Vec<Duration> {
    let (client, mut network) = one_more_network(65_536);
    let (_told, sink) = Told::sink();
    let settings = FeedSettings {
        seed,
        ..feed_settings(&client, bounds())
    };
    let _feed = MarketFeed::start(settings, &[best()], sink);
    let mut waits = Vec::new();
    network.refuse("503 Service Unavailable").await;
    for _ in 0..12 {
        let before = Instant::now();
        network.refuse("503 Service Unavailable").await;
        waits.push(before.elapsed());
    }
    waits
}

#[actix_rt::test]
async fn attempts_to_connect_come_ever_later_by_chance_that_a_seed_repeats() {
    tokio::time::pause();
    let first = waits(11).await;
    for (attempt, wait) in first.iter().enumerate() {
        let longest = bounds().reconnect_longest_ms;
        let doubled = Duration::from_millis((bounds().reconnect_first_ms << attempt).min(longest));
        // Virtual timers fire on whole milliseconds.
        let slack = Duration::from_millis(2);
        assert!(
            *wait + slack >= doubled / 2 && *wait <= doubled * 3 / 2 + slack,
            "{attempt}: {wait:?}"
        );
    }
    assert_eq!(waits(11).await, first);
    assert_ne!(waits(12).await, first);
}

#[actix_rt::test]
async fn a_refused_handshake_is_typed_and_waited_out() {
    tokio::time::pause();
    for (status, least) in [("429 Too Many Requests", 60), ("418 I'm a teapot", 120)] {
        let (client, mut network) = one_more_network(65_536);
        let (_feed, told) = feed(&client, bounds());
        network.refuse(status).await;
        let before = Instant::now();
        let refused = told
            .until("refusal", |event| matches!(event, FeedEvent::Refused(_)))
            .await;
        let FeedEvent::Refused(error) = refused else {
            panic!()
        };
        match status {
            "429 Too Many Requests" => assert!(matches!(error, VenueError::RateLimited { .. })),
            _ => assert!(matches!(error, VenueError::Banned { .. })),
        }
        network.accept().await;
        assert!(
            before.elapsed() >= Duration::from_secs(least),
            "{status}: {:?}",
            before.elapsed()
        );
    }
}

#[actix_rt::test]
async fn at_its_age_a_connection_is_replaced_by_one_that_is_subscribed_before() {
    let (client, mut network) = network(65_536);
    let aged = Bounds {
        hand_over_age_ms: 10_000,
        ..bounds()
    };
    let (_feed, told) = feed(&client, aged);
    let mut old = network.accept().await;
    old.agree().await;
    told.until("up", is_up).await;
    let mut new = network.accept().await;
    // The new one is slow; the old one still counts.
    let subscribe = new.request().await;
    assert_eq!(subscribe["method"], "SUBSCRIBE");
    assert_eq!(subscribe["params"], json!(["btcusdt@bookTicker"]));
    old.say(&ticker(1)).await;
    told.until("event of the old", is_event).await;
    new.answer(&subscribe, Value::Null).await;
    told.until("up", is_up).await;
    assert!(matches!(old.frame().await, Some(Frame::Close(_)) | None));
    new.say(&ticker(2)).await;
    told.until("event of the new", is_event).await;
    assert!(!told.all().iter().any(is_down), "{told:?}");
}

#[actix_rt::test]
async fn an_announced_shutdown_is_a_hand_over_at_once() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let mut old = network.accept().await;
    old.agree().await;
    told.until("up", is_up).await;
    let before = Instant::now();
    old.say(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1790000000000}}"#)
        .await;
    let mut new = network.accept().await;
    new.agree().await;
    told.until("up", is_up).await;
    assert!(
        before.elapsed() < Duration::from_millis(500),
        "{:?}",
        before.elapsed()
    );
    assert!(!told.all().iter().any(is_down), "{told:?}");
}

#[actix_rt::test]
async fn announced_shutdowns_one_after_the_other_are_no_storm_of_connections() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let begun = Instant::now();
    let mut old = Vec::new();
    for _ in 0..5 {
        let mut peer = network.accept().await;
        peer.agree().await;
        told.until("up", is_up).await;
        peer.say(r#"{"e":"serverShutdown","E":1790000000000}"#)
            .await;
        old.push(peer);
    }
    // The first hand-over at once, the other three ten seconds apart.
    assert!(
        begun.elapsed() >= Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    assert!(!told.all().iter().any(is_down), "{told:?}");
}

#[actix_rt::test]
async fn connections_of_all_roles_together_are_attempted_no_more_often_than_the_venue_allows() {
    let (client, mut network) = network(65_536);
    let hasty = Bounds {
        reconnect_first_ms: 1,
        reconnect_longest_ms: 1,
        ..bounds()
    };
    let limits = Limits::new(0);
    let feeds: Vec<_> = (0..3)
        .map(|seed| {
            let (_, sink) = Told::sink();
            let settings = FeedSettings {
                limits: limits.clone(),
                seed,
                ..feed_settings(&client, hasty)
            };
            MarketFeed::start(settings, &[best()], sink)
        })
        .collect();
    // The venue's clock begins 200 seconds into a window.
    let begun = Instant::now();
    let window = |at: Instant| (at.duration_since(begun).as_secs() + 200) / 300;
    let mut attempts = std::collections::BTreeMap::<u64, u32>::new();
    while begun.elapsed() < Duration::from_secs(1_000) {
        network.refuse("503 Service Unavailable").await;
        *attempts.entry(window(Instant::now())).or_default() += 1;
    }
    drop(feeds);
    assert!(attempts.len() >= 3, "{attempts:?}");
    assert!(attempts.values().all(|count| *count <= 300), "{attempts:?}");
    assert_eq!(
        attempts[&1], 300,
        "and all of them may be used: {attempts:?}"
    );
}

#[actix_rt::test]
async fn a_connection_that_ends_during_the_hand_over_is_followed_by_the_one_under_way() {
    let (client, mut network) = network(65_536);
    let (_feed, told) = feed(&client, bounds());
    let mut old = network.accept().await;
    old.agree().await;
    told.until("up", is_up).await;
    old.say(r#"{"e":"serverShutdown","E":1790000000000}"#).await;
    let mut new = network.accept().await;
    let subscribe = new.request().await;
    drop(old);
    told.until("down", is_down).await;
    new.answer(&subscribe, Value::Null).await;
    told.until("up", is_up).await;
    assert!(
        network.is_quiet(Duration::from_secs(10)).await,
        "a third connection"
    );
}

#[actix_rt::test]
async fn a_reconnect_that_was_asked_for_while_there_is_no_connection_costs_none() {
    let (client, mut network) = network(65_536);
    let (feed, told) = feed(&client, bounds());
    network.refuse("503 Service Unavailable").await;
    feed.reconnect("a book did not come to life");
    let mut peer = network.accept().await;
    peer.agree().await;
    told.until("up", is_up).await;
    assert!(peer.is_quiet(Duration::from_secs(10)).await);
    feed.reconnect("a book did not come to life");
    assert!(matches!(peer.frame().await, Some(Frame::Close(_)) | None));
    network.accept().await;
}

#[actix_rt::test]
async fn after_closing_there_is_no_further_connection() {
    let (client, mut network) = network(65_536);
    let (feed, told) = feed(&client, bounds());
    let mut peer = network.accept().await;
    peer.agree().await;
    told.until("up", is_up).await;
    feed.close();
    assert!(matches!(peer.frame().await, Some(Frame::Close(_))));
    assert!(network.is_quiet(PATIENCE).await);
    // Dropping the handle closes too, also while connecting.
    let (feed, _told) = self::feed(&client, bounds());
    network.refuse("503 Service Unavailable").await;
    drop(feed);
    assert!(network.is_quiet(PATIENCE).await);
}

#[actix_rt::test]
async fn bytes_of_any_kind_never_stop_the_feed() {
    const SEED: u64 = 20_261_123;
    println!("seed {SEED}");
    let mut random = StdRng::seed_from_u64(SEED);
    let (client, mut network) = network(1 << 20);
    let (_feed, told) = feed(
        &client,
        Bounds {
            message_limit_bytes: 65_536,
            ..bounds()
        },
    );
    for _ in 0..300 {
        let mut peer = network.accept().await;
        peer.agree().await;
        told.until("up", is_up).await;
        let mut bytes = Vec::new();
        for _ in 0..random.random_range(1..20) {
            // Frames with any opcode and flags, whose announced length is mostly right.
            let length: u8 = random.random_range(0..126);
            let announced = if random.random_bool(0.9) {
                length
            } else {
                random.random()
            };
            bytes.extend([random.random::<u8>() & 0x8f, announced]);
            bytes.extend((0..length).map(|_| random.random::<u8>()));
        }
        peer.socket.io_mut().write_all(&bytes).await.unwrap();
        drop(peer);
        told.until("down", is_down).await;
    }
}
