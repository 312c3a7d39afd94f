//! Binance Spot.

pub mod wire;
