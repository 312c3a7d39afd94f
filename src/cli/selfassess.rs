//! `tripline selfassess`: the controls and what became of them, as one report.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tripline_actors::clock::Clock;
use tripline_engine::time::Timestamp;

use super::exit::{Exit, Failure};
use super::{drill, journal, output};
use crate::config;
use crate::selfassess::{AssessError, Assessment, Period};

/// Where nothing is said, the report is of a year.
const YEAR: i64 = 365 * 86_400_000;

#[derive(Debug, Args)]
pub(super) struct SelfassessArgs {
    /// The configuration whose controls and journal are assessed; an engine may be running with it
    #[arg(long, value_name = "FILE", default_value = "tripline.toml")]
    config: PathBuf,
    /// The first day, UTC; a year ago by default
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// The last day, UTC; today by default
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Date>,
    /// Where the report is written, instead of standard output; a file that is there is not replaced
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object instead of Markdown
    #[arg(long)]
    json: bool,
}

pub(super) fn selfassess(args: &SelfassessArgs) -> Result<Exit, Failure> {
    let period = period(args)?;
    let config = config::load(&args.config).map_err(Failure::usage)?;
    let drills = drill::reports_of(&config.journal.file);
    let report = Assessment::make(&config, period, &drills).map_err(|error| match error {
        AssessError::Journal(error) => journal::refused(&error),
        AssessError::Damaged(_) => Failure {
            exit: Exit::Damaged,
            message: error.to_string(),
        },
        AssessError::Drill { .. } => Failure::failed(error),
    })?;
    let text = match args.json {
        true => serde_json::to_string(&report).map_err(Failure::failed)? + "\n",
        false => report.text(),
    };
    let Some(path) = &args.out else {
        output::print(&text)?;
        return Ok(Exit::Done);
    };
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    output::print(&format!("{} is written\n", path.display()))?;
    Ok(Exit::Done)
}

fn period(args: &SelfassessArgs) -> Result<Period, Failure> {
    let now = Clock::system().now();
    let at = |date: Date| {
        let start = date.to_zoned(TimeZone::UTC);
        let start = start.map_err(|error| Failure::usage(format!("{date}: {error}")))?;
        Ok::<_, Failure>(start.timestamp().as_millisecond())
    };
    let from = match args.from {
        Some(date) => Timestamp::from_millis(at(date)?),
        None => Timestamp::from_millis(now.as_millis() - YEAR),
    };
    let to = match args.to {
        Some(date) => Timestamp::from_millis(at(date)? + 86_400_000 - 1),
        None => now,
    };
    if to < from {
        return Err(Failure::usage(format!(
            "the period ends at {to}, before it begins at {from}"
        )));
    }
    Ok(Period { from, to })
}
