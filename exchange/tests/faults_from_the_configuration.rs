//! Every kind of fault that acts from the start when it stands in the configuration. Those that act once
//! and later are tried in `virtual_time.rs`.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests fails where it goes wrong"
)]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::Exchange;
use tripline_exchange::ExchangeConfig;
use tripline_exchange::faults::kinds::TABLE;
use tripline_exchange::faults::{Kind, Place};

const SHORT: Duration = Duration::from_millis(200);

/// What a fault of this kind needs beside its name.
fn parameters(kind: Kind) -> &'static str {
    match kind {
        Kind::Timeout | Kind::DelayResponse | Kind::LateExecution | Kind::DelayEvent => "ms = 10",
        Kind::ClockOffset => "offset_ms = 3600000",
        Kind::ConnectionLife => "ms = 50",
        Kind::SymbolStatus => "symbol = 'BTCUSDT'\nsymbol_status = 'HALT'",
        Kind::ServerShutdown | Kind::Disconnect | Kind::EndEventStream | Kind::MonthlyReset => {
            "after_ms = 60000"
        }
        _ => "",
    }
}

/// An exchange whose configuration file has this fault, hitting for ever.
fn with(kind: Kind) -> Exchange {
    let scope = match kind.row().place {
        Place::Request => "operation = 'order.place'",
        _ => "",
    };
    let text = format!(
        "[market.synthetic]\nenabled = false\n[[faults]]\nkind = '{kind}'\ncount = 0\n{scope}\n{}",
        parameters(kind)
    );
    let config = ExchangeConfig::from_toml(&text).unwrap();
    Exchange::with(|default| *default = config)
}

async fn hits(exchange: &Exchange) -> u64 {
    let listed = exchange.practice("GET", "faults", Value::Null).await;
    listed["active"][0]["hits"].as_u64().unwrap()
}

/// A request, its events and what the book's streams say of it: whatever the fault is on, it is met.
async fn trade(exchange: &Exchange) {
    let ticker = exchange.socket("/ws/btcusdt@bookTicker").await;
    exchange.fill_book().await;
    let order = Exchange::limit("x", "BUY", "60000");
    let placed = exchange.try_signed("POST", "/api/v3/order", &order);
    // Without an answer, or with one that no client expects, the fault has acted all the same.
    drop(tokio::time::timeout(SHORT, placed).await);
    drop(ticker);
}

async fn stands(kind: Kind, exchange: &Exchange) -> bool {
    match kind {
        Kind::Silence => {
            let mut ws = exchange.socket("/ws/btcusdt@bookTicker").await;
            exchange.fill_book().await;
            ws.silent(SHORT).await
        }
        Kind::StaleReads => {
            exchange.place("x", "BUY", "59000").await;
            let params = "symbol=BTCUSDT&origClientOrderId=x";
            exchange.signed("GET", "/api/v3/order", params).await.code() == -2013
        }
        Kind::ClockOffset => {
            let ahead = exchange.time().await;
            exchange.practice("DELETE", "faults", Value::Null).await;
            exchange.time().await < ahead - 3_000_000
        }
        Kind::ConnectionLife => exchange.socket("/ws").await.ends().await,
        Kind::RefuseConnections => exchange.try_socket("/ws").await.is_err(),
        Kind::UserDataDown => {
            exchange.try_socket("/ws-api/v3").await.is_err()
                && exchange.try_socket("/ws").await.is_ok()
        }
        Kind::SymbolStatus => exchange.place("x", "BUY", "59000").await.code() == -1013,
        once => {
            let listed = exchange.practice("GET", "faults", Value::Null).await;
            listed["active"][0]["fault"]["kind"] == json!(once.to_string())
        }
    }
}

#[actix_rt::test]
async fn every_kind_of_fault_acts_when_it_stands_in_the_configuration() {
    for row in TABLE {
        let exchange = with(row.kind);
        match row.place {
            Place::Request | Place::Event | Place::Stream => {
                trade(&exchange).await;
                assert!(hits(&exchange).await > 0, "{}", row.kind);
            }
            Place::Standing | Place::Immediate => {
                assert!(stands(row.kind, &exchange).await, "{}", row.kind);
            }
        }
    }
}

#[actix_rt::test]
async fn an_exchange_is_not_started_from_a_fault_that_could_do_nothing() {
    let mut config = ExchangeConfig::from_toml("[[faults]]\nkind = 'disconnect'").unwrap();
    let error = tripline_exchange::spawn_in_thread(config.clone(), 0).unwrap_err();
    assert!(error.to_string().contains("faults[0]"), "{error}");
    config.faults[0].after_ms = Some(1_000);
    assert!(tripline_exchange::spawn_in_thread(config, 0).is_ok());
}
