//! Published Binance clients trade on the practice exchange, unchanged. `make test` installs them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

use tripline_exchange::{ExchangeConfig, spawn_in_thread};

fn run(script: &str) {
    let python = std::env::var("TRIPLINE_PYTHON").expect("make test sets TRIPLINE_PYTHON");
    let exchange = spawn_in_thread(ExchangeConfig::default(), 0).unwrap();
    let output = Command::new(python)
        .arg(format!(
            "{}/tests/clients/{script}",
            env!("CARGO_MANIFEST_DIR")
        ))
        .arg(format!("http://{}", exchange.addr))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{script}\n{out}\n{err}");
}

#[test]
#[ignore = "needs ccxt from PyPI: run make test"]
fn published_client_ccxt_places_fills_cancels_and_receives_user_data() {
    run("ccxt_client.py");
}

#[test]
#[ignore = "needs binance-sdk-spot from PyPI: run make test"]
fn published_client_binance_sdk_spot_places_fills_cancels_and_receives_user_data() {
    run("binance_sdk_client.py");
}
