//! Every kind of error that the venue's adapter tells apart, met over REST and over the WebSocket API, and
//! what becomes of orders, queries and cancels at a rate limit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use support::memory::InMemory;
use support::orders::{Placing, connected, order_ref, place};
use support::{Exchange, hurry, still, symbol};
use tokio::time::sleep;
use tripline::binance_on;
use tripline_actors::clock::Clock;
use tripline_actors::venue::Venue;
use tripline_actors::venue::binance::Binance;
use tripline_actors::venue::binance::settings::OrderTransport;
use tripline_engine::ports::{OrderPort, VenueError};

const BOTH: [OrderTransport; 2] = [OrderTransport::Rest, OrderTransport::WsApi];

/// The variant's name.
fn name(error: &VenueError) -> String {
    let shown = format!("{error:?}");
    shown.chars().take_while(|c| c.is_alphanumeric()).collect()
}

/// An account at an exchange over real sockets.
fn account(exchange: &Exchange, transport: OrderTransport) -> Binance {
    let (mut venue, credentials) = binance_on(exchange.addr());
    hurry(&mut venue);
    venue.bounds.request_timeout_ms = 400;
    venue.order_transport = transport;
    Binance::new(venue, &credentials, Clock::system()).unwrap()
}

fn refused(status: u16, code: i64, message: &str) -> Value {
    json!({"kind": "rejected", "status": status, "code": code, "message": message})
}

/// A fault at the exchange, and what it is for a placement and for a query, over REST and over the
/// WebSocket API where that differs.
fn cases() -> Vec<(Value, [&'static str; 2], [&'static str; 2])> {
    let same = |fault: Value, order: &'static str, read: &'static str| {
        (fault, [order, order], [read, read])
    };
    vec![
        same(json!({"kind": "cut_before"}), "UnknownOutcome", "Network"),
        same(json!({"kind": "cut_after"}), "UnknownOutcome", "Network"),
        same(json!({"kind": "no_response"}), "UnknownOutcome", "Timeout"),
        same(
            json!({"kind": "timeout", "ms": 50}),
            "UnknownOutcome",
            "Timeout",
        ),
        same(
            json!({"kind": "server_error", "status": 502}),
            "UnknownOutcome",
            "Maintenance",
        ),
        same(
            json!({"kind": "overloaded"}),
            "UnknownOutcome",
            "RateLimited",
        ),
        same(
            json!({"kind": "rate_limited"}),
            "RateLimited",
            "RateLimited",
        ),
        same(json!({"kind": "order_limit"}), "RateLimited", "RateLimited"),
        same(json!({"kind": "banned"}), "Banned", "Banned"),
        same(
            refused(
                401,
                -2015,
                "Invalid API-key, IP, or permissions for action.",
            ),
            "Authentication",
            "Authentication",
        ),
        same(
            refused(400, -1022, "Signature for this request is not valid."),
            "Authentication",
            "Authentication",
        ),
        same(
            refused(
                400,
                -1021,
                "Timestamp for this request is outside of the recvWindow.",
            ),
            "Clock",
            "Clock",
        ),
        same(
            refused(400, -1121, "Invalid symbol."),
            "InvalidRequest",
            "InvalidRequest",
        ),
        same(
            refused(400, -2010, "Market is closed."),
            "Rejected",
            "Rejected",
        ),
        same(
            refused(400, -1013, "Filter failure: LOT_SIZE"),
            "Rejected",
            "Rejected",
        ),
        same(
            refused(400, -2013, "Order does not exist."),
            "UnknownOrder",
            "UnknownOrder",
        ),
        same(
            refused(403, -1016, "This service is no longer available."),
            "Maintenance",
            "Maintenance",
        ),
        // The WebSocket API has no page of HTML for it, but a status without a document.
        (
            json!({"kind": "forbidden_html"}),
            ["UnknownOutcome", "UnknownOutcome"],
            ["NotJson", "Maintenance"],
        ),
        // Cut in the middle, over the WebSocket API it may be anybody's answer: the connection ends.
        (
            json!({"kind": "bad_response"}),
            ["UnknownOutcome", "UnknownOutcome"],
            ["ChangedData", "Network"],
        ),
        same(
            json!({"kind": "bad_response", "how": "unknown_status", "field": "status"}),
            "UnknownOutcome",
            "ChangedData",
        ),
        same(
            json!({"kind": "bad_response", "how": "number_for_string", "field": "origQty"}),
            "UnknownOutcome",
            "ChangedData",
        ),
        same(
            json!({"kind": "bad_response", "how": "missing_field", "field": "executedQty"}),
            "UnknownOutcome",
            "ChangedData",
        ),
    ]
}

/// What a placement or a query becomes when it meets the fault, at an exchange of its own.
async fn meets(transport: OrderTransport, fault: &Value, operation: &str) -> String {
    let exchange = Exchange::start().await;
    let venue = account(&exchange, transport);
    let orders = venue.orders();
    connected(&orders).await;
    place(&orders, 1).await.unwrap();
    let mut fault = fault.clone();
    fault["operation"] = operation.into();
    exchange.fault(fault).await;
    let error = match operation {
        "order.status" => orders.query(order_ref(1)).await.err(),
        _ => match place(&orders, 2).await {
            Ok(()) => None,
            Err(Placing::Answered(error)) => Some(error),
            Err(Placing::NotSent(error)) => panic!("{transport:?}: not sent: {error}"),
        },
    };
    error.map_or_else(|| "answered".into(), |error| name(&error))
}

#[actix_rt::test]
async fn every_kind_of_error_has_its_type_over_rest_and_over_the_websocket_api() {
    let mut wrong = Vec::new();
    for (at, transport) in BOTH.into_iter().enumerate() {
        for (fault, for_order, for_read) in cases() {
            let read = meets(transport, &fault, "order.status").await;
            let order = meets(transport, &fault, "order.place").await;
            if (order.as_str(), read.as_str()) != (for_order[at], for_read[at]) {
                wrong.push(format!("{transport:?} {fault}: order {order}, read {read}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An account at an exchange in memory, with limits that are soon reached.
async fn limited(
    transport: OrderTransport,
    weight: u32,
    orders: u32,
) -> (InMemory, Binance, Rc<dyn OrderPort>) {
    let mut config = still();
    config.limits.weight_per_minute = weight;
    config.limits.orders_per_10_seconds = orders;
    let world = InMemory::start(&config);
    world.practice(
        "market",
        &json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"}),
    );
    let venue = world.venue(|venue| venue.order_transport = transport);
    let port = venue.orders();
    connected(&port).await;
    // What the limits are the venue tells with the instruments.
    let known = venue.market().instruments(&[symbol("BTCUSDT")]).await;
    assert_eq!(known.unwrap().len(), 1);
    (world, venue, port)
}

fn wait(error: &Placing) -> Duration {
    match error {
        Placing::NotSent(
            VenueError::RateLimited { retry_after, .. } | VenueError::Banned { retry_after, .. },
        ) => retry_after.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn the_venues_count_of_orders_stops_placements_until_its_next_aligned_window() {
    tokio::time::pause();
    for transport in BOTH {
        let (world, _venue, orders) = limited(transport, 6_000, 5).await;
        // The virtual clock began at a full ten seconds.
        sleep(Duration::from_millis(3_000)).await;
        for number in 1..=5 {
            place(&orders, number).await.unwrap();
        }
        let error = place(&orders, 6).await.unwrap_err();
        let left = wait(&error);
        assert!(
            left <= Duration::from_secs(7) && left > Duration::from_secs(6),
            "{left:?}"
        );
        assert_eq!(world.arrivals("order.place"), 5, "the venue was not asked");
        orders.cancel(order_ref(1)).await.unwrap();
        orders.query(order_ref(2)).await.unwrap();
        sleep(left).await;
        place(&orders, 7).await.unwrap();
    }
}

#[actix_rt::test]
async fn a_refusal_holds_placements_back_as_long_as_it_says_and_lets_cancels_pass() {
    tokio::time::pause();
    for transport in BOTH {
        for (kind, queries) in [("rate_limited", false), ("order_limit", true)] {
            let (world, _venue, orders) = limited(transport, 6_000, 100).await;
            place(&orders, 1).await.unwrap();
            world.practice(
                "faults",
                &json!({"kind": kind, "operation": "order.place", "ms": 7_000}),
            );
            let refused = place(&orders, 2).await.unwrap_err();
            let Placing::Answered(VenueError::RateLimited { retry_after, .. }) = refused else {
                panic!("{refused:?}")
            };
            let asked = retry_after.unwrap();
            assert!(
                asked.abs_diff(Duration::from_secs(7)) <= Duration::from_secs(1),
                "{asked:?}"
            );
            let before = world.arrivals("order.place");
            let left = wait(&place(&orders, 3).await.unwrap_err());
            assert!(orders.ready().is_err());
            assert_eq!(world.arrivals("order.place"), before);
            assert_eq!(orders.query(order_ref(1)).await.is_ok(), queries, "{kind}");
            orders.cancel(order_ref(1)).await.unwrap();
            sleep(left).await;
            place(&orders, 4).await.unwrap();
            assert_eq!(orders.ready(), Ok(()));
        }
    }
}

#[actix_rt::test]
async fn the_used_weight_of_either_way_stops_reads_before_the_reserve_and_queries_at_the_limit() {
    tokio::time::pause();
    for transport in BOTH {
        let (_world, venue, orders) = limited(transport, 200, 100).await;
        place(&orders, 1).await.unwrap();
        let depth = async || venue.market().depth(symbol("BTCUSDT"), 500).await;
        // Weight 25 each; a fifth of 200 is kept for queries.
        let mut read = 0;
        let error = loop {
            match depth().await {
                Ok(_) => read += 1,
                Err(error) => break error,
            }
        };
        assert!((3..=6).contains(&read), "{read}");
        let VenueError::RateLimited { retry_after, .. } = error else {
            panic!("{error:?}")
        };
        let mut queries = 0;
        while orders.query(order_ref(1)).await.is_ok() {
            queries += 1;
            assert!(queries < 100, "the limit was not kept");
        }
        assert!(queries >= 10, "the reserve is there for queries: {queries}");
        orders.cancel(order_ref(1)).await.unwrap();
        assert!(place(&orders, 2).await.is_err());
        let left = retry_after.unwrap();
        assert!(left <= Duration::from_secs(60), "{left:?}");
        sleep(left).await;
        depth().await.unwrap();
        place(&orders, 3).await.unwrap();
    }
}

#[actix_rt::test]
async fn a_ban_stops_what_is_not_a_cancel_until_it_ends() {
    tokio::time::pause();
    for transport in BOTH {
        let (world, venue, orders) = limited(transport, 6_000, 100).await;
        place(&orders, 1).await.unwrap();
        world.practice(
            "faults",
            &json!({"kind": "banned", "operation": "order.place", "ms": 180_000}),
        );
        place(&orders, 2).await.unwrap_err();
        let before = world.opened("api");
        let held = place(&orders, 3).await.unwrap_err();
        assert!(
            matches!(held, Placing::NotSent(VenueError::Banned { .. })),
            "{held:?}"
        );
        assert!(venue.market().depth(symbol("BTCUSDT"), 5).await.is_err());
        sleep(Duration::from_secs(60)).await;
        assert_eq!(world.opened("api"), before, "nobody knocks during a ban");
        sleep(Duration::from_secs(240)).await;
        connected(&orders).await;
        place(&orders, 4).await.unwrap();
        orders.cancel(order_ref(1)).await.unwrap();
    }
}
