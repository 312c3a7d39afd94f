//! Binance's messages as it writes them. Wire types mirror the venue and never leave this folder.

pub mod account;
#[cfg(test)]
mod any_answers;
pub mod decode;
pub mod exchange_info;
pub mod frame;
pub mod klines;
mod levels;
pub mod market;
pub mod order;
#[cfg(test)]
mod recorded_answers;
#[cfg(test)]
mod spoilt;
pub mod time;
pub mod user_event;

#[cfg(test)]
pub(super) use spoilt::spoilt;
