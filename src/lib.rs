//! Tripline: composition of engine, actors, strategies and exchange. A library too, so that teams
//! compose their own program: [`Tripline::builder`].

mod alerting;
mod builder;
pub mod cli;
pub mod config;
pub mod demo;
pub mod drill;
pub mod inspect;
pub mod logging;
pub mod memory;
mod practice;
mod resuming;
pub mod running;
pub mod selfassess;
pub mod settings;
pub mod simulate;
mod subscribing;
pub mod watch;
mod wiring;

pub use alerting::{Alerting, ControlConfig, PingConfig};
pub use builder::{BareWiring, Builder, Placement, StartError, Tripline};
pub use practice::{binance_at, binance_on};
pub use subscribing::SubscribeError;
