//! Binance Spot.

pub mod wire;
pub mod error;
pub mod limits;
pub mod settings;
pub mod sign;
