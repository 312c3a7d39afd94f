//! The practice exchange's configuration; one that passes must make an exchange whose market lives.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tripline_exchange::ExchangeConfig;
use tripline_fuzz::scenario_with;

fuzz_target!(|text: &str| {
    let Ok(config) = ExchangeConfig::from_toml(text) else {
        return;
    };
    // Files that the input names are not opened.
    if config.check().is_ok() && config.market.replay.is_empty() && config.instruments.len() < 10 {
        scenario_with(&config, |_| tokio::time::sleep(Duration::from_millis(100)));
    }
});
