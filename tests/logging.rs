//! What the log shows. Every line of this program's tests is kept, down to the finest.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::RefCell;
use std::sync::Mutex;

use serde_json::json;
use support::hand::{Hand, buy};
use support::proxy::Proxy;
use support::{Exchange, engine_with, hurry, settings, stop, until};
use tripline::{Tripline, binance_at};
use tripline_actors::venue::binance::settings::OrderTransport;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, Reaction};
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::order::OrderState;
use tripline_exchange::{EXAMPLE_API_KEY, EXAMPLE_SECRET};

/// A line that was logged.
struct Line {
    level: log::Level,
    text: String,
}

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = format!("{} {}: {}", record.level(), record.target(), record.args());
        if record.level() <= log::Level::Debug {
            println!("{text}");
        }
        let level = record.level();
        LINES.lock().unwrap().push(Line { level, text });
    }

    fn flush(&self) {}
}

/// One test at a time: the log is the process's.
async fn exchange() -> (Exchange, tokio::sync::MutexGuard<'static, ()>) {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let turn = ONE.lock().await;
    if log::set_logger(&Keeper).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
    let exchange = Exchange::start().await;
    LINES.lock().unwrap().clear();
    (exchange, turn)
}

fn lines(wanted: impl Fn(&Line) -> bool) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    let wanted = lines.iter().filter(|line| wanted(line));
    wanted.map(|line| line.text.clone()).collect()
}

#[actix_rt::test]
async fn a_clean_run_and_stop_warn_of_nothing() {
    for transport in [OrderTransport::WsApi, OrderTransport::Rest] {
        let (exchange, _turn) = exchange().await;
        let hand = Hand::default();
        let running = engine_with(&exchange, settings(), |venue| {
            venue.order_transport = transport
        })
        .strategy("hand", hand.strategy())
        .unwrap()
        .start()
        .await
        .unwrap();
        hand.is_ready(&exchange).await;
        let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
        hand.reaches(id, OrderState::Working).await;
        assert_eq!(stop(running, &exchange).await.exit_code(), 0);
        until("both streams have told of their closing", || async {
            lines(|line| line.text.contains("closed by this side")).len() >= 2
        })
        .await;
        let warnings = lines(|line| line.level <= log::Level::Warn);
        assert!(warnings.is_empty(), "{transport:?}: {warnings:#?}");
    }
}

/// Every signature in what was said to the venue, over REST and over the WebSocket API.
fn signatures(said: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in ["signature=", r#""signature":""#] {
        for rest in said.split(name).skip(1) {
            let value = rest.chars().take_while(char::is_ascii_hexdigit);
            found.push(value.collect::<String>());
        }
    }
    found
}

/// Settings under which no failure halts, so that the next one is met as well.
fn unmoved() -> tripline::settings::EngineSettings {
    let watch = Reaction::new(HaltLevel::Active, RestingOrders::Keep);
    let mut settings = settings();
    for kind in [
        FaultKind::UnknownOutcome,
        FaultKind::Authentication,
        FaultKind::InvalidRequest,
        FaultKind::ClockOffset,
        FaultKind::Maintenance,
        FaultKind::Network,
        FaultKind::PrivateStreamDown,
    ] {
        settings.policy = std::mem::take(&mut settings.policy).with(kind, watch);
    }
    settings
}

#[actix_rt::test]
async fn no_line_and_no_error_shows_a_key_a_secret_a_signature_or_a_signed_query() {
    for transport in [OrderTransport::WsApi, OrderTransport::Rest] {
        let (exchange, _turn) = exchange().await;
        let (rest, api) = (
            Proxy::start(exchange.addr()).await,
            Proxy::start(exchange.addr()).await,
        );
        let (mut venue, credentials) = binance_at(rest.address, api.address, exchange.addr());
        hurry(&mut venue);
        venue.order_transport = transport;
        venue.bounds.request_timeout_ms = 300;
        // Orders that never arrived are soon known to be lost.
        venue.bounds.recv_window_ms = 250;
        venue.bounds.clock_bound_ms = 200;
        venue.bounds.stale_reads_ms = 0;
        let hand = Hand::default();
        let running = Tripline::builder(unmoved())
            .binance(venue, credentials)
            .strategy("hand", hand.strategy())
            .unwrap()
            .start()
            .await
            .unwrap();
        hand.is_ready(&exchange).await;
        let faults = [
            json!({"kind": "overloaded"}),
            json!({"kind": "server_error"}),
            json!({"kind": "forbidden_html"}),
            json!({"kind": "bad_response"}),
            json!({"kind": "cut_before"}),
            json!({"kind": "cut_after"}),
            json!({"kind": "no_response"}),
            json!({"kind": "rejected", "status": 400, "code": -1022, "message": "Signature for this request is not valid."}),
            json!({"kind": "rejected", "status": 400, "code": -1021, "message": "Timestamp for this request is outside of the recvWindow."}),
            json!({"kind": "rejected", "status": 400, "code": -1102, "message": "Mandatory parameter 'timestamp' was not sent."}),
            json!({"kind": "rejected", "status": 401, "code": -2015, "message": "Invalid API-key, IP, or permissions for action."}),
        ];
        let ids = RefCell::new(Vec::new());
        for mut fault in faults {
            fault["operation"] = "order.place".into();
            exchange.fault(fault.clone()).await;
            until(&format!("an order meets {fault}"), || async {
                let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
                until("it is no longer on its way", || async {
                    let last = hand.events(id).last().map(|event| event.order.state);
                    last.is_some_and(|state| state.is_terminal() || state == OrderState::Working)
                })
                .await;
                ids.borrow_mut().push(id);
                hand.kinds(id) != ["Denied"]
            })
            .await;
        }
        let told: Vec<_> = ids
            .borrow()
            .iter()
            .flat_map(|id| hand.events(*id))
            .collect();
        let told = format!("{told:?} {:?}", running.board());
        drop(running.stop().await);

        let mut secrets = signatures(&(rest.said() + &api.said()));
        assert!(
            secrets.len() > 20 && secrets.iter().all(|secret| secret.len() == 64),
            "{secrets:?}"
        );
        secrets.extend([EXAMPLE_API_KEY.into(), EXAMPLE_SECRET.into()]);
        secrets.extend([
            "&timestamp=".into(),
            "recvWindow=".into(),
            "\"apiKey\":\"".into(),
        ]);
        let shows = |text: &str| secrets.iter().any(|secret| text.contains(secret));
        let leaks = lines(|line| shows(&line.text));
        assert!(leaks.is_empty(), "{transport:?}: {leaks:#?}");
        assert!(!shows(&told), "{transport:?}: {told}");
        let traced = lines(|line| line.level == log::Level::Trace);
        assert!(!traced.is_empty(), "the finest lines were looked at too");
    }
}
