//! `tripline check`: everything that is wrong with a configuration, and, asked for, what the venue says.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tripline_actors::alert;
use tripline_actors::clock::Clock;
use tripline_actors::venue::Venue;
use tripline_actors::venue::binance::Binance;
use tripline_engine::ids::Symbol;
use tripline_engine::ports::VenueError;
use tripline_engine::strategy::Subscription;

use super::exit::{Exit, Failure};
use super::{output, run};
use crate::config::{self, Config, ConfigFault, Keys, LoadError, Outside};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "tripline.toml")]
    config: PathBuf,
    /// Ask the venue too: its clock, the instruments, the API key. Places nothing
    #[arg(long)]
    online: bool,
    /// One JSON object on standard output instead of text
    #[arg(long)]
    json: bool,
}

/// What was found, as text and JSON show it.
#[derive(Default)]
struct Findings {
    /// Wrong in the configuration: exit code 2.
    faults: Vec<ConfigFault>,
    /// Needed by `run`, but not here and now.
    notes: Vec<ConfigFault>,
    online: Vec<Answer>,
}

/// What the venue said to one question.
struct Answer {
    question: &'static str,
    /// What was found, or what is wrong and what to do.
    answer: Result<String, String>,
}

pub(super) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let mut found = Findings::default();
    let config = match config::load(&args.config) {
        Ok(config) => Some(config),
        Err(LoadError::Faults { faults, .. }) => {
            found.faults = faults.all().to_vec();
            None
        }
        Err(error) => return Err(Failure::usage(error)),
    };
    if let Some(config) = config {
        look_outside(&config, &mut found, args.online);
        if args.online && found.faults.is_empty() {
            found.online = actix_rt::System::new().block_on(ask(config))?;
        }
    }
    output::print(&if args.json {
        as_json(&found)
    } else {
        as_text(&found, args)
    })?;
    let refused = found.online.iter().any(|answer| answer.answer.is_err());
    Ok(match (found.faults.is_empty(), refused) {
        (false, _) => Exit::Usage,
        (true, true) => Exit::Failed,
        (true, false) => Exit::Done,
    })
}

/// A variable that is not set in this shell is a note; with `--online` it is needed now.
fn look_outside(config: &Config, found: &mut Findings, online: bool) {
    let Outside { unset, faults } = config.outside();
    found.faults.extend(faults);
    if online {
        found.faults.extend(unset);
    } else {
        found.notes.extend(unset);
    }
    if !found.faults.is_empty() || !found.notes.is_empty() {
        return;
    }
    // With every secret in reach the channels can be made, which checks addresses and keys.
    match alert::Http::new(None) {
        Ok(http) => {
            let errors = alert::build_channels(&config.alerts, &http)
                .err()
                .unwrap_or_default();
            found.faults.extend(
                errors
                    .iter()
                    .map(|error| ConfigFault::new("alert", error.to_string())),
            );
        }
        Err(error) => found
            .faults
            .push(ConfigFault::new("alert", error.to_string())),
    }
}

async fn ask(config: Config) -> Result<Vec<Answer>, Failure> {
    let is_practice = config.keys == Keys::Practice;
    let symbols = symbols(&config)?;
    let credentials = config.keys.read().map_err(Failure::usage)?;
    let venue =
        Binance::new(config.venue, &credentials, Clock::system()).map_err(Failure::usage)?;
    let venue: Rc<dyn Venue> = Rc::new(venue);
    let mut answers = Vec::new();
    let mut tell = |question, answer: Result<String, VenueError>| {
        let answer =
            answer.map_err(|error| format!("{error}; {}", run::advice(&error, is_practice)));
        answers.push(Answer { question, answer });
    };
    let reading = venue.measure_clock().await.map(|reading| {
        let offset = Duration::from_nanos(reading.offset_nanos.unsigned_abs());
        let direction = if reading.offset_nanos < 0 {
            "behind"
        } else {
            "ahead of"
        };
        format!(
            "the venue's is {offset:.1?} {direction} this machine's, give or take {:.1?}",
            reading.uncertainty
        )
    });
    tell("clock", reading);
    let known = venue
        .market()
        .instruments(&symbols)
        .await
        .map(|instruments| {
            let names: Vec<String> = instruments
                .iter()
                .map(|known| known.symbol.to_string())
                .collect();
            format!("{} are there", names.join(", "))
        });
    tell("instruments", known);
    let balances = venue.orders().balances().await.map(|balances| {
        format!(
            "the key is accepted; the account holds {} assets",
            balances.balances.len()
        )
    });
    tell("account", balances);
    Ok(answers)
}

/// What the configured strategies want to trade or follow.
fn symbols(config: &Config) -> Result<Vec<Symbol>, Failure> {
    let mut symbols = BTreeSet::new();
    for strategy in &config.strategies {
        let built = config::build(strategy).map_err(Failure::usage)?;
        symbols.extend(built.subscriptions().iter().map(Subscription::symbol));
    }
    Ok(symbols.into_iter().collect())
}

fn as_text(found: &Findings, args: &CheckArgs) -> String {
    let mut text = String::new();
    let file = args.config.display();
    for fault in &found.faults {
        text.push_str(&format!("error: {fault}\n"));
    }
    for note in &found.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for Answer { question, answer } in &found.online {
        match answer {
            Ok(answer) => text.push_str(&format!("ok: {question}: {answer}\n")),
            Err(answer) => text.push_str(&format!("error: {question}: {answer}\n")),
        }
    }
    match found.faults.len() {
        0 => text.push_str(&format!("{file}: the configuration is valid\n")),
        1 => text.push_str(&format!("{file}: 1 error\n")),
        count => text.push_str(&format!("{file}: {count} errors\n")),
    }
    text
}

fn as_json(found: &Findings) -> String {
    let online = found.online.iter().map(|Answer { question, answer }| {
        let (Ok(text) | Err(text)) = answer;
        json!({ "question": question, "ok": answer.is_ok(), "answer": text })
    });
    let object = json!({
        "valid": found.faults.is_empty(),
        "errors": found.faults,
        "notes": found.notes,
        "online": online.collect::<Vec<_>>(),
    });
    format!("{object}\n")
}
