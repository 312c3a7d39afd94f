//! The server: connections in, HTTP and WebSockets on them, and what runs in the background.

mod again;
pub mod io;
mod practice;
mod rest;
mod serve;
mod signals;
pub mod socket;
mod thread;
mod tls;
mod upgrade;
mod ws;
mod ws_api;

pub use serve::{PracticeExchange, ServeError};
pub use thread::{Handle, Server, spawn_in_thread, spawn_with_tls};
pub use tls::{Tls, TlsError};
