//! The practice exchange's configuration and its faults.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| drop(tripline_exchange::ExchangeConfig::from_toml(text)));
