//! Binance Spot.

mod canceller;
pub mod clock_sync;
pub mod error;
pub mod http;
mod invariant;
pub mod limits;
mod pages;
pub mod rest;
pub mod settings;
pub mod sign;
mod venue;
pub mod wire;
pub mod ws;

pub use canceller::Canceller;
pub use settings::{ApiCredentials, BinanceSettings};
pub use venue::{Binance, BinanceError};
