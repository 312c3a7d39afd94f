//! The vocabulary and the rules of Tripline. Pure: no socket, file, clock, runtime or randomness.

pub mod book;
pub mod desk;
pub mod fault;
pub mod halt;
pub mod ids;
pub mod instrument;
pub mod journal;
pub mod kline;
pub mod messages;
pub mod money;
pub mod order;
#[doc(hidden)]
pub mod planted;
pub mod ports;
pub mod position;
pub mod risk;
pub mod strategy;
pub mod time;
