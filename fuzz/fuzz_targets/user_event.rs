//! Events of the private stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_actors::venue::binance::wire::time::TimeUnit;
use tripline_actors::venue::binance::wire::user_event::user_event;

fuzz_target!(|text: &str| drop(user_event(text, TimeUnit::Millisecond)));
