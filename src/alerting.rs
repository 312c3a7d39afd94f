//! How a person is told, beside the channels themselves: the language, signs of life, the ping.

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Time;
use tripline_actors::alert::{Language, SecretSource};

/// The default tells nothing without a cause.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alerting {
    pub language: Language,
    /// Whether the channels are tested when the engine starts.
    pub test_at_start: bool,
    /// The local time of the daily sign of life.
    pub daily: Option<Time>,
    pub ping: Option<PingConfig>,
    /// A file that says which alerts have reached nobody.
    pub undelivered_file: Option<PathBuf>,
}

/// The outgoing ping for an external dead-man service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingConfig {
    pub url: SecretSource,
    pub every: Duration,
}

/// Where a running engine takes commands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControlConfig {
    /// The Unix socket.
    pub socket: Option<PathBuf>,
    /// An address of this machine, and the token that a request must bear.
    pub http: Option<(std::net::SocketAddr, SecretSource)>,
    /// A file that halts everything for as long as it is there.
    pub halt_file: Option<PathBuf>,
    /// Whether SIGUSR2 halts everything.
    pub halt_signal: bool,
}
