//! Binance Spot.

pub mod wire;
pub mod error;
pub mod limits;
pub mod settings;
pub mod sign;
pub mod clock_sync;
pub mod http;
pub mod rest;
pub mod ws;
mod venue;

pub use settings::{ApiCredentials, BinanceSettings};
pub use venue::{Binance, BinanceError};
