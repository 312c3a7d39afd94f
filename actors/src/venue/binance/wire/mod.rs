//! Binance's messages as it writes them. Wire types mirror the venue and never leave this folder.

pub mod account;
pub mod decode;
pub mod exchange_info;
pub mod frame;
pub mod klines;
mod levels;
pub mod market;
pub mod order;
#[cfg(test)]
mod recorded_answers;
pub mod time;
pub mod user_event;
