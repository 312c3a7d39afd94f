//! `tripline alerts`: test the channels, see and acknowledge what waits.

use std::rc::Rc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tripline_actors::alert::{self, Channel, Rendered, Retries, Voice};
use tripline_actors::clock::Clock;
use tripline_actors::control::Asked;
use tripline_engine::messages::alert::{Alert, Severity};

use super::exit::{Exit, Failure};
use super::output;
use super::place::{Place, SOON};
use crate::config::Config;
use crate::logging;

#[derive(Debug, Args)]
pub(super) struct AlertsArgs {
    #[command(subcommand)]
    command: AlertsCommand,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Send a test message over a channel, or over all of them, and tell what each provider said
    Test {
        /// The channel's name; without it every channel is tested, telephones included
        channel: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Show the alerts of the running engine that nobody has acknowledged
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Acknowledge an alert of the running engine: it goes to no further channel
    Ack {
        /// The id that the alert tells, or 'all'
        id: String,
        /// Who has seen it; the user's name by default
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) fn alerts(args: &AlertsArgs) -> Result<Exit, Failure> {
    match &args.command {
        AlertsCommand::Test { channel, place } => {
            let config = place.config()?;
            logging::init(config.log_level.into());
            let told = actix_rt::System::new().block_on(test(&config, channel.as_deref()))?;
            shown(told, place.json)
        }
        AlertsCommand::List { place } => {
            let answer = place.ask(Asked::Get("/v1/alerts"), SOON)?;
            output::print(&match place.json {
                true => format!("{answer}\n"),
                false => listed(&answer["open"], "no alert waits to be acknowledged"),
            })?;
            Ok(Exit::Done)
        }
        AlertsCommand::Ack { id, by, place } => {
            let user = || std::env::var("USER").unwrap_or_else(|_| "the command line".into());
            let by = by.clone().unwrap_or_else(user);
            let order = json!({ "id": id, "by": by });
            let answer = place.ask(Asked::Post("/v1/alerts/ack", order), SOON)?;
            output::print(&match place.json {
                true => format!("{answer}\n"),
                false => format!(
                    "acknowledged:\n{}",
                    listed(&answer["acknowledged"], "nothing")
                ),
            })?;
            Ok(Exit::Done)
        }
    }
}

fn listed(alerts: &Value, none: &str) -> String {
    let line = |alert: &Value| {
        let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
        let delivered = match alert["delivered"].as_bool() {
            Some(true) => "",
            _ => " (reached nobody yet)",
        };
        format!("  {}  {}{delivered}\n", text("id"), text("title"))
    };
    let lines: Vec<String> = alerts.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() {
        format!("{none}\n")
    } else {
        lines.concat()
    }
}

/// What became of one channel's test.
struct Tested {
    channel: String,
    attempts: u32,
    error: Option<String>,
}

async fn test(config: &Config, wanted: Option<&str>) -> Result<Vec<Tested>, Failure> {
    let configs = config.alerts.iter();
    let configs: Vec<_> = configs
        .filter(|channel| wanted.is_none_or(|wanted| channel.name() == wanted))
        .cloned()
        .collect();
    if configs.is_empty() {
        let names: Vec<&str> = config.alerts.iter().map(|channel| channel.name()).collect();
        return Err(Failure::usage(match wanted {
            Some(name) if !names.is_empty() => format!(
                "there is no alert channel '{name}'; there are: {}",
                names.join(", ")
            ),
            _ => "no alert channel is configured, so that alerts go to the log only: add an [[alert]]"
                .into(),
        }));
    }
    let http = alert::Http::new(None).map_err(Failure::failed)?;
    let channels = alert::build_channels(&configs, &http).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Failure::usage(errors.join("\n"))
    })?;
    let voice = Voice::here(config.alerting.language);
    let tests = channels.iter();
    let tests = tests.map(|(channel, _)| test_one(channel.clone(), &voice, config.engine.live));
    Ok(futures_util::future::join_all(tests).await)
}

async fn test_one(channel: Rc<dyn Channel>, voice: &Voice, live: bool) -> Tested {
    let clock = Clock::system();
    let now = clock.now();
    let title = format!("test of the alert channel {}", channel.name());
    let alert = Alert {
        live,
        text: "Nothing has happened: somebody ran 'tripline alerts test'.".into(),
        ..Alert::new(Severity::Info, title, now)
    };
    let reference = format!("test-{}", now.as_millis());
    let message = Rendered::of(reference, vec![alert.into()], 0, voice);
    let Some(message) = message else {
        return Tested {
            channel: channel.name().to_owned(),
            attempts: 0,
            error: Some("there is nothing to tell".into()),
        };
    };
    let delivery = alert::deliver(&*channel, &message, &clock, Retries::default()).await;
    Tested {
        channel: delivery.channel,
        attempts: delivery.attempts,
        error: delivery.result.err().map(|error| error.to_string()),
    }
}

fn shown(tested: Vec<Tested>, as_json: bool) -> Result<Exit, Failure> {
    let line = |one: &Tested| match &one.error {
        None => format!("{}: delivered\n", one.channel),
        Some(error) => format!(
            "{}: FAILED after {} attempts: {error}\n",
            one.channel, one.attempts
        ),
    };
    let row = |one: &Tested| json!({ "channel": one.channel, "delivered": one.error.is_none(), "attempts": one.attempts, "error": one.error });
    output::print(&match as_json {
        true => format!(
            "{}\n",
            json!({ "channels": tested.iter().map(row).collect::<Vec<_>>() })
        ),
        false => tested.iter().map(line).collect(),
    })?;
    Ok(match tested.iter().all(|one| one.error.is_none()) {
        true => Exit::Done,
        false => Exit::Failed,
    })
}
