//! `tripline drill`: a fire drill with a configuration of one's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use tripline_actors::clock::Clock;
use tripline_actors::control::Client;
use tripline_actors::venue::binance::settings::Environment;
use tripline_exchange::{ExchangeConfig, Handle, spawn_in_thread};

use super::exit::{Exit, Failure};
use super::{output, run};
use crate::config::{self, Config, Keys};
use crate::drill::{DrillError, DrillFault, DrillOptions, DrillReport, Verdict, drill as walk};
use crate::logging;
use crate::practice::{self, Pages};
use crate::simulate::Subject;

/// Where it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// On a practice exchange within this process, instead of the configuration's venue
    Practice,
    /// At the configuration's venue, which must not trade real money
    Venue,
}

#[derive(Debug, Args)]
pub(super) struct DrillArgs {
    /// The configuration: its strategies, limits, halts and alert channels are what is drilled
    #[arg(long, value_name = "FILE", default_value = "tripline.toml")]
    config: PathBuf,
    /// Where it is done
    #[arg(long, value_enum, default_value = "practice")]
    on: Where,
    /// The configuration of the practice exchange, where strategies follow other instruments than its own
    #[arg(long, value_name = "FILE")]
    exchange: Option<PathBuf>,
    /// What goes wrong
    #[arg(long, value_enum, default_value = "stale_data")]
    fault: DrillFault,
    /// Acknowledge and resume without a person: this tests the program, and drills nobody
    #[arg(long)]
    alone: bool,
    /// How long the operator may take to acknowledge, and to resume
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    patience: u64,
    /// End with the report as one JSON object on standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn drill(args: &DrillArgs) -> Result<Exit, Failure> {
    let config = config::load(&args.config).map_err(Failure::usage)?;
    logging::init(config.log_level.into());
    let drills = reports_of(&config.journal.file);
    let (config, exchange) = placed(args, config)?;
    let report = begun(args, &config);
    let folder = drills.join(stamp(&report.at));
    let unfit = |error: io::Error| Failure::failed(format!("{}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(unfit)?;
    let config = drilled(config, &folder);
    let report = walked(args, config, exchange.as_ref(), report)?;
    if let Some(exchange) = exchange {
        exchange.stop();
    }
    written(&report, &folder).map_err(unfit)?;
    let json = serde_json::to_string(&report).map_err(Failure::failed)?;
    let path = folder.join(DrillReport::FILE);
    output::print(&match args.json {
        true => format!("{json}\n"),
        false => format!("\n{}report: {}\n", report.text(), path.display()),
    })?;
    Ok(match report.verdict {
        Verdict::Passed => Exit::Done,
        Verdict::Failed | Verdict::NotDone => Exit::Failed,
    })
}

/// The report of a drill that is about to be done.
fn begun(args: &DrillArgs, config: &Config) -> DrillReport {
    let user = std::env::var("USER").ok().filter(|name| !name.is_empty());
    DrillReport::new(
        Clock::system().now().to_string(),
        config.hash.clone(),
        match args.on {
            Where::Practice => "the practice exchange".to_owned(),
            Where::Venue => format!("{:?}", config.venue.environment).to_lowercase(),
        },
        user.unwrap_or_else(|| "the command line".into()),
        args.fault,
        args.alone,
    )
}

fn walked(
    args: &DrillArgs,
    config: Config,
    exchange: Option<&Handle>,
    report: DrillReport,
) -> Result<DrillReport, Failure> {
    let Some(socket) = config.control.socket.clone() else {
        let problem =
            "the journal's path is too long for a socket beside it: give [control] a socket";
        return Err(Failure::usage(problem));
    };
    let options = DrillOptions {
        fault: args.fault,
        alone: args.alone,
        patience: Duration::from_secs(args.patience),
        within: 2 * config.engine.fault_after + config.engine.ready_within,
        place: format!(" --config {}", args.config.display()),
    };
    let mut tell = |line: &str| {
        let shown = match args.json {
            true => Ok(()),
            false => output::print(&format!("{line}\n")),
        };
        // Whoever pipes the steps elsewhere and ends early has the report.
        drop(shown);
    };
    let door = Client::new(&socket).within(Duration::from_secs(75));
    let builder = run::builder(config)?;
    let walked = actix_rt::System::new().block_on(async {
        let pages = exchange.map(|handle| Pages::of(handle.addr));
        let pages = pages.transpose().map_err(DrillError::Exchange)?;
        walk(builder, door, pages, options, report, &mut tell).await
    });
    walked.map_err(Failure::failed)
}

const TEXT: &str = "drill.txt";

/// Where the drills of a journal's engine are kept.
pub(super) fn reports_of(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(".drills");
    name.into()
}

/// A time as a folder's name.
fn stamp(at: &str) -> String {
    let kept = at
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    kept.take(17).collect()
}

fn written(report: &DrillReport, folder: &Path) -> io::Result<()> {
    let json = serde_json::to_string_pretty(report).map_err(io::Error::other)?;
    fs::write(folder.join(DrillReport::FILE), json + "\n")?;
    fs::write(folder.join(TEXT), report.text())
}

/// The configuration at the place of the drill, and the exchange there, if it is one of ours.
fn placed(args: &DrillArgs, mut config: Config) -> Result<(Config, Option<Handle>), Failure> {
    if args.on == Where::Venue {
        if config.engine.live || config.venue.environment == Environment::Production {
            let problem = "a drill never trades real money: leave --on venue away, or configure a test network";
            return Err(Failure::usage(problem));
        }
        return Ok((config, None));
    }
    let exchange = match &args.exchange {
        Some(file) => super::exchange::load(file)?,
        None => ExchangeConfig::default(),
    };
    let subject = Subject::of(config.clone()).on(exchange.clone());
    subject.check().map_err(Failure::usage)?;
    let handle = spawn_in_thread(exchange, 0).map_err(Failure::failed)?;
    let (here, _) = practice::binance_on(handle.addr);
    config.venue = practice::moved(config.venue, here);
    config.keys = Keys::Practice;
    config.engine.live = false;
    Ok((config, Some(handle)))
}

/// The same engine with a journal of its own, whose halts concern nobody else.
fn drilled(mut config: Config, folder: &Path) -> Config {
    config.journal.file = folder.join("tripline.journal");
    config.alerting.undelivered_file = Some(folder.join("undelivered"));
    config.alerting.daily = None;
    config.alerting.ping = None;
    config
}
