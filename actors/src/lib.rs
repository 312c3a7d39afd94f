//! The actors and the edges of Tripline: thin shells over engine types, and what talks to the outside.

pub mod addresses;
pub mod alert;
pub mod clock;
pub mod control;
pub mod delivery;
pub mod ending;
pub mod faults;
pub mod feed;
pub mod gateway;
pub mod health;
pub mod http;
pub mod journal;
pub mod journaling;
pub mod market_data;
pub mod panics;
pub mod recording;
pub mod safety;
pub mod strategy;
pub mod testing;
pub mod user_data;
pub mod venue;
pub mod watchdog;
