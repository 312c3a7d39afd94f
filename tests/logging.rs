//! What the log shows. Every line of this program's tests is kept, down to the finest.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Mutex;

use support::hand::{Hand, buy};
use support::{Exchange, engine_with, settings, stop, until};
use tripline_actors::venue::binance::settings::OrderTransport;
use tripline_engine::order::OrderState;

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
