//! `tripline run`: trade as a configuration says.

use std::path::PathBuf;

use clap::Args;
use futures_util::FutureExt;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tripline_actors::clock::Clock;
use tripline_engine::halt::{Incident, Scope};
use tripline_engine::ports::VenueError;

use super::exit::{Exit, Failure};
use super::{journal, output};
use crate::builder::{Builder, StartError, Tripline};
use crate::config::{self, Config, ConfigFault, JournalConfig, Keys};
use crate::logging;
use crate::memory::Memory;
use crate::running::{ExitReport, Running};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The configuration; 'tripline init' writes one to begin with
    #[arg(long, value_name = "FILE", default_value = "tripline.toml")]
    config: PathBuf,
    /// Trade real money: needed, together with live = true in the file, for a production venue
    #[arg(long)]
    live: bool,
    /// Lift the halts that an earlier run has left, for this reason, once orders are reconciled
    #[arg(long, value_name = "REASON")]
    resume: Option<String>,
    /// End with one JSON object on standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let config = config::load(&args.config).map_err(Failure::usage)?;
    both_switches(config.engine.live, args)?;
    let outside = config.outside();
    let missing: Vec<&ConfigFault> = outside.faults.iter().chain(&outside.unset).collect();
    if !missing.is_empty() {
        let lines: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!(
            "{}:\n{}",
            args.config.display(),
            lines.join("\n")
        )));
    }
    logging::init(config.log_level.into());
    let is_practice = config.keys == Keys::Practice;
    let money = if config.engine.live {
        "REAL MONEY"
    } else {
        "no real money"
    };
    log::info!(actor = "engine"; "account {} at {:?}: {money}", config.engine.account, config.venue.environment);
    let builder = builder(config)?;
    let report = actix_rt::System::new()
        .block_on(session(builder, args.resume.clone()))
        .map_err(|error| failure(&error, is_practice))?;
    output::print(&if args.json {
        as_json(&report)
    } else {
        as_text(&report)
    })?;
    Ok(Exit::from_code(report.exit_code()))
}

/// Trades until a signal comes.
async fn session(builder: Builder, resume: Option<String>) -> Result<ExitReport, StartError> {
    let (stopped, mut asked) = (Running::until_signal(), Asked::watch());
    let running = builder.start().await?;
    asked.halt_if_asked(&running);
    let resumed_until_stopped = async {
        if let Some(reason) = resume {
            running.resume_earlier(&reason, "the command line").await;
        }
        asked.reconcile(&running).await;
    };
    tokio::select! { () = stopped => {} () = resumed_until_stopped => {} }
    Ok(running.stop().await)
}

/// SIGUSR1 asks for everything to be held against the venue; SIGUSR2, which the engine watches itself once it
/// runs, halts. Watched before the engine starts: unwatched, they would end the process.
struct Asked {
    reconcile: std::io::Result<Signal>,
    halt: std::io::Result<Signal>,
}

impl Asked {
    fn watch() -> Self {
        Self {
            reconcile: signal(SignalKind::user_defined1()),
            halt: signal(SignalKind::user_defined2()),
        }
    }

    /// Halts if that was asked for before the engine could be.
    fn halt_if_asked(&mut self, running: &Running) {
        let asked = self.halt.as_mut().ok();
        if asked.and_then(|halt| halt.recv().now_or_never()).is_some() {
            running.halt(Scope::Global, "SIGUSR2 during the start: halt everything");
        }
    }

    /// Reconciles each time; never over.
    async fn reconcile(self, running: &Running) {
        let mut asked = match self.reconcile {
            Ok(asked) => asked,
            Err(error) => {
                log::error!(actor = "signals"; "SIGUSR1 cannot be watched: {error}");
                return std::future::pending().await;
            }
        };
        while asked.recv().await.is_some() {
            log::info!(actor = "signals"; "SIGUSR1: holding orders, fills and balances against the venue's");
            match running.reconcile().await {
                Ok(done) => {
                    log::info!(actor = "engine"; "reconciled: {} orders open, balances {}", done.open_orders, done.balances);
                }
                Err(error) => log::info!(actor = "engine"; "not reconciled: {error}"),
            }
        }
        std::future::pending().await
    }
}

/// Real money is traded only when file and command line agree.
fn both_switches(live: bool, args: &RunArgs) -> Result<(), Failure> {
    let file = args.config.display();
    match (live, args.live) {
        (true, false) => Err(Failure::usage(format!(
            "{file} trades real money (live = true): add --live to this command if that is meant"
        ))),
        (false, true) => Err(Failure::usage(format!(
            "--live is given, but {file} trades no real money: remove --live, or set live = true and a production venue"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn builder(config: Config) -> Result<Builder, Failure> {
    let credentials = config.keys.read().map_err(Failure::usage)?;
    let clock = Clock::system();
    let JournalConfig { file, durability } = config.journal;
    let memory = Memory::open(&file, durability, config.hash, &clock)
        .map_err(|error| journal::refused(&error))?;
    let mut builder = Tripline::builder(config.engine)
        .clock(clock)
        .memory(memory)
        .alerting(config.alerting)
        .control(config.control)
        .binance(config.venue, credentials);
    for strategy in config.strategies {
        let built = config::build(&strategy).map_err(Failure::usage)?;
        builder = builder
            .boxed_strategy(strategy.id.as_str(), built)
            .map_err(Failure::usage)?;
    }
    Ok(config.alerts.into_iter().fold(builder, Builder::alert))
}

/// What a start that failed means for the exit code, and what to do about it.
fn failure(error: &StartError, is_practice: bool) -> Failure {
    match error {
        StartError::Asking { error: cause, .. } => {
            Failure::failed(format!("{error}; {}", advice(cause, is_practice)))
        }
        StartError::Actor { .. } | StartError::Runtime(_) => Failure::failed(error),
        _ => Failure::usage(error),
    }
}

/// What a person can do about a venue's error.
pub(super) fn advice(error: &VenueError, is_practice: bool) -> &'static str {
    match error {
        VenueError::Network(_) if is_practice => "start the practice exchange: tripline exchange",
        VenueError::Network(_) => "check the connection to the internet, a firewall, and [venue]",
        VenueError::Timeout(_) | VenueError::Maintenance(_) => "try again in a minute",
        VenueError::Clock { .. } => {
            "set this machine's clock by NTP, such as: timedatectl set-ntp true"
        }
        VenueError::Authentication { .. } => {
            "check that key and secret belong together and to this environment, account.key_kind, and the key's \
             permissions and allowed addresses"
        }
        VenueError::RateLimited { .. } | VenueError::Banned { .. } => {
            "wait, and find what else uses this address"
        }
        VenueError::NotJson { .. } => {
            "check the URLs under [venue]: something else than the venue answered"
        }
        _ => "the log says more with RUST_LOG=debug",
    }
}

fn as_json(report: &ExitReport) -> String {
    let halted: Vec<_> = report
        .halted
        .iter()
        .map(|(scope, standing)| json!({ "scope": scope, "standing": standing }))
        .collect();
    let object = json!({
        "exit_code": report.exit_code(),
        "cancels_confirmed": report.stop.swept,
        "open_orders": report.stop.open,
        "halted": halted,
        "alerts_that_reached_nobody": report.unheard,
    });
    format!("{object}\n")
}

fn as_text(report: &ExitReport) -> String {
    let mut text = match (report.stop.open, report.stop.swept) {
        (0, _) => "stopped; no order is open\n".to_owned(),
        (open, true) => format!("stopped; {open} orders were left at the venue, as configured\n"),
        (open, false) => format!("stopped; {open} orders may be open at the venue: look there\n"),
    };
    if report.unheard > 0 {
        text.push_str(&format!("{} alerts have reached nobody\n", report.unheard));
    }
    for (scope, standing) in &report.halted {
        text.push_str(&format!("{scope} is {}:\n", standing.level));
        for (first, count) in by_kind(&standing.incidents) {
            let more = if count > 1 {
                format!(" ({count} times)")
            } else {
                String::new()
            };
            text.push_str(&format!("  {} {}{more}\n", first.id, first.fault));
        }
    }
    text
}

/// The first incident of each kind, and how many there were.
fn by_kind(incidents: &[Incident]) -> Vec<(&Incident, usize)> {
    let mut kinds: Vec<(&Incident, usize)> = Vec::new();
    for incident in incidents {
        let known = kinds
            .iter_mut()
            .find(|(first, _)| first.fault.kind == incident.fault.kind);
        match known {
            Some((_, count)) => *count += 1,
            None => kinds.push((incident, 1)),
        }
    }
    kinds
}
