//! The door to a running engine: HTTP on a Unix socket that only its owner may open, and, where it is
//! configured, on a loopback address with a token. What can be asked is a table in [`Desk`].

mod alive;
mod client;
mod halts;
mod keeper;
mod limits;
mod once;
mod server;
mod status;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use thiserror::Error;

pub use alive::Life;
pub use client::{Asked, Client};
pub use keeper::Doorkeeper;
pub use server::{Desk, Door};

/// Where the door is.
#[derive(Debug, Clone, Default)]
pub struct DoorSettings {
    /// The Unix socket; made with mode 0600.
    pub socket: Option<PathBuf>,
    /// An address of this machine, and the token that each request must bear.
    pub http: Option<(SocketAddr, SecretString)>,
}

/// Why there is no door, or no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    #[error("the control socket {} cannot be made: {source}", path.display())]
    Socket {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("an engine answers at the control socket {} already", path.display())]
    InUse { path: PathBuf },
    #[error("the control address {address} cannot be listened on: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the control address {address} is not one of this machine's own (127.0.0.1 or [::1])")]
    NotLocal { address: SocketAddr },
    #[error("no engine answers at {}: {reason}", path.display())]
    NoAnswer { path: PathBuf, reason: String },
    #[error("the engine refuses: {said}")]
    Refused { status: u16, said: String },
}
