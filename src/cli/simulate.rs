//! `tripline simulate`: many runs under faults, in virtual time.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use crate::config::{self, LogLevel};
use crate::logging;
use crate::simulate::{SimulateOptions, Subject, run};

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The seeds to run, from A up to and without B; one seed gives the same run wherever it runs
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = seeds)]
    seeds: Range<u64>,
    /// Simulate the strategies of this configuration; without it those of the demo
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The exchange that they trade on, as for 'tripline exchange': instruments, market, account, limits
    #[arg(long, value_name = "FILE", requires = "config")]
    exchange: Option<PathBuf>,
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

fn subject(args: &SimulateArgs) -> Result<Subject, Failure> {
    let Some(file) = &args.config else {
        return Ok(Subject::shipped());
    };
    let mut subject = Subject::of(config::load(file).map_err(Failure::usage)?);
    if let Some(file) = &args.exchange {
        subject = subject.on(super::exchange::load(file)?);
    }
    let wrong = |problem| Failure::usage(format!("{}: {problem}", file.display()));
    subject.check().map_err(wrong)?;
    Ok(subject)
}

pub(super) fn simulate(args: &SimulateArgs) -> Result<Exit, Failure> {
    logging::init(LogLevel::Off.into());
    let options = SimulateOptions {
        seeds: args.seeds.clone(),
        json: args.json,
        trace: args.trace,
    };
    match run(&subject(args)?, &options) {
        Ok(summary) if summary.failed.is_empty() => Ok(Exit::Done),
        Ok(_) => Ok(Exit::Failed),
        // The reader has gone.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::failed(format!(
            "standard output cannot be written: {error}"
        ))),
    }
}
