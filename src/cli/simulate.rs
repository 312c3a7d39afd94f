//! `tripline simulate`: many runs under faults, in virtual time.

use std::io::ErrorKind;
use std::ops::Range;

use clap::Args;

use super::exit::{Exit, Failure};
use crate::config::LogLevel;
use crate::logging;
use crate::simulate::{SimulateOptions, run};

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The seeds to run, from A up to and without B; one seed gives the same run wherever it runs
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = seeds)]
    seeds: Range<u64>,
    /// Print everything that happens, of every seed
    #[arg(long)]
    trace: bool,
    /// End with one JSON object on the last line
    #[arg(long)]
    json: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range
        .filter(|range| !range.is_empty())
        .ok_or_else(|| "want two numbers, the second greater, such as 0..100".to_owned())
}

pub(super) fn simulate(args: &SimulateArgs) -> Result<Exit, Failure> {
    logging::init(LogLevel::Off.into());
    let options = SimulateOptions {
        seeds: args.seeds.clone(),
        json: args.json,
        trace: args.trace,
    };
    match run(&options) {
        Ok(summary) if summary.failed.is_empty() => Ok(Exit::Done),
        Ok(_) => Ok(Exit::Failed),
        // The reader has gone.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::failed(format!(
            "standard output cannot be written: {error}"
        ))),
    }
}
