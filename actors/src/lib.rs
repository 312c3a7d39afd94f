//! The actors and the edges of Tripline: thin shells over engine types, and what talks to the outside.

pub mod clock;
pub mod venue;
pub mod delivery;
pub mod ending;
pub mod faults;
pub mod panics;
pub mod addresses;
pub mod gateway;
pub mod http;
pub mod feed;
pub mod user_data;
pub mod strategy;
pub mod recording;
pub mod safety;
pub mod market_data;
pub mod testing;
pub mod alert;
