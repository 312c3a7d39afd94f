//! The program's own log as a channel: always there, wakes nobody.

use futures_util::future::{LocalBoxFuture, ready};
use log::Level;
use serde::Deserialize;
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

use super::Make;
use crate::alert::{Channel, ChannelError, ConfigError, Rendered};

/// It needs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Config {
    /// # Errors
    /// None; other channels have some.
    pub fn build(&self, make: &Make<'_>) -> Result<Log, ConfigError> {
        Ok(Log {
            name: make.name.to_owned(),
        })
    }
}

/// Writes each message to the log, at the level of its severity.
#[derive(Debug)]
pub struct Log {
    name: String,
}

impl Channel for Log {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        _now: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        let level = match message.severity {
            Severity::Critical => Level::Error,
            Severity::Warning => Level::Warn,
            Severity::Info => Level::Info,
        };
        log::log!(target: "tripline::alert", level, "{}", message.text(self.text_limit()).replace('\n', " | "));
        Box::pin(ready(Ok(())))
    }

    fn is_remote(&self) -> bool {
        false
    }
}
