//! Asking a running engine, which the configuration says where to find.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tripline_actors::control::{Asked, Client, ControlError};

use super::exit::Failure;
use crate::config;

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The configuration, which says where the engine takes commands
    #[arg(long, value_name = "FILE", default_value = "tripline.toml")]
    config: PathBuf,
    /// One JSON object on standard output instead of text
    #[arg(long)]
    pub(super) json: bool,
}

/// How long most answers may take.
pub(super) const SOON: Duration = Duration::from_secs(15);

impl Place {
    pub(super) fn config(&self) -> Result<config::Config, Failure> {
        config::load(&self.config).map_err(Failure::usage)
    }

    /// Asks the engine, and gives its answer.
    pub(super) fn ask(&self, asked: Asked, within: Duration) -> Result<Value, Failure> {
        let Some(socket) = self.config()?.control.socket else {
            let problem =
                "the journal's path is too long for a socket beside it: give [control] a socket";
            return Err(Failure::usage(problem));
        };
        let client = Client::new(&socket).within(within);
        let answer = actix_rt::System::new().block_on(client.ask(asked));
        answer.map_err(|error| match error {
            ControlError::Refused {
                status: 400..=499, ..
            } => Failure::refused(error),
            ControlError::Refused { .. } => Failure::failed(error),
            error => Failure::failed(format!(
                "{error}; is the engine running with this configuration?"
            )),
        })
    }
}
