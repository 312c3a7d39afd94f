//! The command line, one file a command.

mod alerts;
mod check;
mod completions;
mod demo;
mod drill;
mod exchange;
mod exit;
mod halts;
mod init;
mod inspect;
mod journal;
mod limits;
mod output;
mod place;
mod run;
mod selfassess;
mod simulate;
mod status;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};

const EXIT_CODES: &str = "\
Exit codes:
  0   done; an engine stopped in order
  1   it failed while running
  2   wrong usage or configuration; nothing was started
  3   the engine stopped while something was still halted; 'status': something is halted or reduce-only
  4   the engine stopped, or the watch on a silent one, and orders may be open at the venue
  5   the journal is damaged
  6   the engine or the watch stopped, and an alert has reached nobody
  7   a command was not carried out: the engine refused it, or nobody confirmed it
  70  a fault could be brought to nobody, and the process ended itself
  71  a thread was stuck so that nobody could be told, and the process ended itself

RUST_LOG sets what is logged, such as RUST_LOG=info,tripline_actors=debug; logs go to standard error.";

/// An event-driven trading engine for crypto exchanges: every error halts and alerts, no order is lost,
/// doubled or forgotten.
#[derive(Debug, Parser)]
#[command(name = "tripline", version, after_help = EXIT_CODES, after_long_help = EXIT_CODES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the engine trading on a practice exchange, all in this process
    Demo(demo::DemoArgs),
    /// Trade as a configuration says, until SIGINT or SIGTERM; SIGUSR1 reconciles, SIGUSR2 halts everything
    ///
    /// On SIGUSR1 orders, fills and balances are held against the venue's; the log and the journal tell the result.
    /// SIGUSR2 halts everything and cancels, as 'tripline halt' does; so does creating the halt file.
    Run(run::RunArgs),
    /// Tell how a running engine stands: levels, incidents, orders, positions, data, and what still works
    Status(status::StatusArgs),
    /// Halt a strategy, an instrument, the account or everything of a running engine, at once
    Halt(halts::HaltArgs),
    /// Halt, cancel, and close the positions of a running engine's strategies; shows its plan without --yes
    Flatten(halts::FlattenArgs),
    /// Lift a halt, when what stands was looked at and everything is in order again
    Resume(halts::ResumeArgs),
    /// Watch a running engine, and cancel every open order of the account when it gives no sign of life
    ///
    /// A process of its own, with a connection of its own; starts before or after the engine. An engine that stops in
    /// order takes its socket along, and nothing is cancelled, except what it failed to cancel itself.
    Watch(watch::WatchArgs),
    /// Serve a practice exchange that speaks Binance's REST, streams and WebSocket API
    Exchange(exchange::ExchangeArgs),
    /// Check a configuration and report everything that is wrong with it
    Check(check::CheckArgs),
    /// Rebuild books from recordings of market data and tell what was found
    Inspect(inspect::InspectArgs),
    /// Run strategies under drawn faults in virtual time, and judge what became of their orders
    Simulate(simulate::SimulateArgs),
    /// Show or change what every order of a running engine is held against
    Limits(limits::LimitsArgs),
    /// Check or show a journal, also while an engine writes to it
    Journal(journal::JournalArgs),
    /// Test the alert channels; see and acknowledge alerts of a running engine
    Alerts(alerts::AlertsArgs),
    /// Practise a fault with a configuration of one's own: halt, alert, acknowledgement, resume
    Drill(drill::DrillArgs),
    /// Report controls, limits, trips, changes and drills of a period
    Selfassess(selfassess::SelfassessArgs),
    /// Write a commented configuration to begin with
    Init(init::InitArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Reads the command line, does what it says and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Demo(args) => demo::demo(args),
        Command::Run(args) => run::run(&args),
        Command::Status(args) => status::status(&args),
        Command::Halt(args) => halts::halt(&args),
        Command::Flatten(args) => halts::flatten(&args),
        Command::Resume(args) => halts::resume(&args),
        Command::Watch(args) => watch::watch(&args),
        Command::Exchange(args) => exchange::exchange(&args),
        Command::Check(args) => check::check(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Simulate(args) => simulate::simulate(&args),
        Command::Limits(args) => limits::limits(&args),
        Command::Journal(args) => journal::journal(&args),
        Command::Alerts(args) => alerts::alerts(&args),
        Command::Drill(args) => drill::drill(&args),
        Command::Selfassess(args) => selfassess::selfassess(&args),
        Command::Init(args) => init::init(&args),
        Command::Completions(args) => completions::completions(&args),
    };
    let exit = done.unwrap_or_else(|failure| {
        output::complain(&failure);
        failure.exit
    });
    ExitCode::from(exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_exit_code() {
        for exit in Exit::ALL {
            let line = format!("\n  {:<4}", u8::from(*exit));
            assert!(EXIT_CODES.contains(&line), "{exit:?}");
        }
    }
}
