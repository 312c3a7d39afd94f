//! For tests of your own strategies: a gateway that records what it is told and answers as scripted,
//! and a [`Rig`] that runs a strategy in its real actor against it. No network, no exchange.

mod mock_gateway;
mod rig;

pub use mock_gateway::{Command, MockGateway, Scripted};
pub use rig::{Rig, btcusdt};
