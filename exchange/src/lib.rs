//! Tripline's practice exchange: a matching model and a server that speaks Binance's Spot REST,
//! WebSocket streams and WebSocket API, with faults on request. It shares nothing with the engine but
//! money and ids, so that each checks the other on the wire.
//!
//! Start with [`spawn_in_thread`] (its own thread), [`Server`] (a whole program) or [`PracticeExchange`]
//! (any byte stream, also under Tokio's paused clock).

mod api;
mod clock;
mod config;
mod config_check;
mod core;
pub mod faults;
mod history;
mod limits;
pub mod market;
pub mod model;
mod record;
mod server;
mod streams;
mod user;
mod wire;

pub use clock::Clock;
pub use config::{
    AccountConfig, ConfigError, EXAMPLE_API_KEY, EXAMPLE_SECRET, ExchangeConfig, InstrumentConfig,
    KeyConfig, KeyError, SymbolError,
};
pub use config_check::{ConfigFault, ConfigFaults};
pub use history::HistoryError;
pub use limits::LimitConfig;
pub use server::{
    Handle, PracticeExchange, ServeError, Server, Tls, TlsError, spawn_in_thread, spawn_with_tls,
};
