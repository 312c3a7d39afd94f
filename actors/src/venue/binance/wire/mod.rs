//! Binance's messages as it writes them. Wire types mirror the venue and never leave this folder.

pub mod decode;
pub mod frame;
mod levels;
pub mod market;
pub mod account;
pub mod exchange_info;
pub mod klines;
pub mod order;
pub mod user_event;
#[cfg(test)]
mod recorded_answers;
