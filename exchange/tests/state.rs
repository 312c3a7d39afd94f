//! An exchange that keeps a folder goes on from it with every order, fill and balance.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use support::Exchange;
use tripline_exchange::{ExchangeConfig, HistoryError, ServeError, spawn_in_thread};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tripline-state-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn file(&self) -> PathBuf {
        self.0.join("history.jsonl")
    }

    /// An exchange with a lively market that goes on from here.
    fn exchange(&self) -> Exchange {
        Exchange::with(|config| change(config, &self.0))
    }
}

fn change(config: &mut ExchangeConfig, folder: &Path) {
    config.market.synthetic.enabled = true;
    config.market.synthetic.trades_per_second = 40.0;
    config.limits.orders_per_10_seconds = 10_000;
    config.state = Some(folder.to_owned());
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What must not be forgotten.
fn kept(record: &Value) -> Value {
    let arrivals = record["arrivals"].as_array().unwrap().iter();
    let arrivals = arrivals.map(|one| json!([one["clientOrderId"], one["orderId"], one["status"]]));
    let account = &record["accounts"][0];
    json!({
        "orders": account["orders"],
        "open": account["openOrders"],
        "balances": account["balances"],
        "arrivals": arrivals.collect::<Value>(),
    })
}

/// Orders of every kind of fate, and levers.
async fn trade(exchange: &Exchange, round: usize) {
    for number in 0..10 {
        let (bid, quantity) = (59_990 + 4 * number, "0.01");
        let id = format!("order-{round}-{number}");
        let side = ["BUY", "SELL"][number % 2];
        exchange
            .signed(
                "POST",
                "/api/v3/order",
                &format!("symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={bid}&newClientOrderId={id}"),
            )
            .await;
    }
    exchange
        .signed(
            "DELETE",
            "/api/v3/order",
            &format!("symbol=BTCUSDT&origClientOrderId=order-{round}-0"),
        )
        .await;
    exchange
        .practice(
            "POST",
            "market",
            json!({"deposit": {"account": "practice", "asset": "BTC", "amount": "0.5"}}),
        )
        .await;
    actix_rt::time::sleep(Duration::from_millis(100)).await;
}

async fn paused(exchange: &Exchange) -> Value {
    exchange
        .practice("POST", "market", json!({"pause": true}))
        .await;
    let record = exchange.practice("GET", "record", json!({})).await;
    kept(&record)
}

#[actix_rt::test]
async fn orders_fills_and_balances_survive_the_end_of_the_process() {
    let folder = Folder::new("survive");
    let mut before: Option<Value> = None;
    for round in 0..3 {
        let exchange = folder.exchange();
        if let Some(before) = before {
            assert_eq!(paused(&exchange).await, before, "round {round}");
            exchange
                .practice("POST", "market", json!({"pause": false}))
                .await;
        }
        trade(&exchange, round).await;
        before = Some(paused(&exchange).await);
        exchange.handle.stop();
    }
    let orders = before.unwrap()["orders"].as_array().unwrap().clone();
    assert_eq!(orders.len(), 30);
    let filled = orders.iter().filter(|order| order["fills"] != json!([]));
    assert!(filled.count() > 5);
}

#[actix_rt::test]
async fn a_history_that_does_not_lead_where_it_says_is_refused() {
    let folder = Folder::new("diverged");
    let exchange = folder.exchange();
    trade(&exchange, 0).await;
    exchange.handle.stop();
    let text = fs::read_to_string(folder.file()).unwrap();
    let (at, _) = text.match_indices("order.place").next().unwrap();
    let start = text[..at].rfind('\n').unwrap();
    let end = at + text[at..].find('\n').unwrap();
    fs::write(folder.file(), format!("{}{}", &text[..start], &text[end..])).unwrap();
    let mut config = ExchangeConfig::default();
    change(&mut config, &folder.0);
    let refused = spawn_in_thread(config, 0).unwrap_err();
    assert!(
        matches!(refused, ServeError::History(HistoryError::Diverged { .. })),
        "{refused}"
    );
}
