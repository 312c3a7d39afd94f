//! `tripline demo`: the engine at work, with nothing to set up.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use crate::config::LogLevel;
use crate::demo::{self, DemoError, DemoOptions};
use crate::logging;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How long to trade
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Inject faults at the exchange, to watch halts and alerts
    #[arg(long)]
    faults: bool,
    /// Recordings that drive BTCUSDT instead of the synthetic market, over and over
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replay: Vec<PathBuf>,
    /// How many times faster than recorded
    #[arg(long, value_name = "N", default_value_t = 1, requires = "replay", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    speed: u32,
    /// Seed of the market; the same seed gives the same market
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// End with one JSON object on the last line
    #[arg(long)]
    json: bool,
    /// Plain lines even on a terminal
    #[arg(long)]
    plain: bool,
}

impl From<DemoArgs> for DemoOptions {
    fn from(args: DemoArgs) -> Self {
        let DemoArgs {
            seconds,
            faults,
            replay,
            speed,
            seed,
            json,
            plain,
        } = args;
        Self {
            seconds,
            faults,
            replay,
            speed,
            seed,
            json,
            plain,
        }
    }
}

pub(super) fn demo(args: DemoArgs) -> Result<Exit, Failure> {
    // A drawn view shows what happens; log lines between would tear it.
    let options = DemoOptions::from(args);
    let drawn = demo::is_drawn(&options) && io::stderr().is_terminal();
    logging::init(if drawn { LogLevel::Off } else { LogLevel::Warn }.into());
    match demo::run(&options) {
        Ok(summary) => Ok(Exit::from_code(summary.exit_code())),
        // The view's reader has gone.
        Err(DemoError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Ok(Exit::Done)
        }
        Err(error) => Err(Failure::failed(error)),
    }
}
