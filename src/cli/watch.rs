//! `tripline watch`: the dead-man switch beside an engine.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::rc::Rc;

use actix::{Actor, Addr};
use clap::Args;
use futures_util::FutureExt;
use tripline_actors::alert::{self, AlertActor, Voice};
use tripline_actors::clock::Clock;
use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::messages::control::RestingOrders;

use super::exit::{Exit, Failure};
use crate::config::{self, Config, ConfigFault};
use crate::logging;
use crate::running::Running;
use crate::watch::{Ended, Said, Watch, WatchSettings, flush};

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// The configuration of the engine that is watched
    #[arg(long, value_name = "FILE", default_value = "tripline.toml")]
    config: PathBuf,
    /// One JSON object a line on standard output instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn watch(args: &WatchArgs) -> Result<Exit, Failure> {
    let config = config::load(&args.config).map_err(Failure::usage)?;
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
    let ended = actix_rt::System::new().block_on(session(config, args.json))?;
    Ok(match () {
        () if ended.orders_may_be_open => Exit::OrdersMayBeOpen,
        () if ended.unheard > 0 => Exit::Unheard,
        () => Exit::Done,
    })
}

async fn session(config: Config, as_json: bool) -> Result<Ended, Failure> {
    let stopped = Running::until_signal();
    let clock = Clock::system();
    let alerts = alerts(&config, &clock)?;
    let live = config.engine.live;
    let settings = settings(config)?;
    let said = Said::new(clock.clone(), as_json);
    let watching = Watch::run(settings, alerts.clone(), clock.clone(), said, stopped);
    match AssertUnwindSafe(watching).catch_unwind().await {
        Ok(ended) => ended.map_err(Failure::usage),
        Err(_) => {
            let title =
                "tripline watch has failed and ends: nobody cancels if the engine falls silent";
            let alert = Alert {
                live,
                ..Alert::new(Severity::Critical, title, clock.now())
            };
            if alerts.send(alert).await.is_err() || flush(&alerts).await > 0 {
                log::error!(actor = "watch"; "and that has reached nobody");
            }
            Err(Failure::failed(title))
        }
    }
}

fn settings(config: Config) -> Result<WatchSettings, Failure> {
    let Some(socket) = config.control.socket else {
        let problem =
            "the journal's path is too long for a socket beside it: give [control] a socket";
        return Err(Failure::usage(problem));
    };
    let keys = config.watch.keys.as_ref().unwrap_or(&config.keys);
    let credentials = keys.read().map_err(Failure::usage)?;
    let mut venue = config.venue;
    venue.key_kind = config.watch.key_kind.unwrap_or(venue.key_kind);
    Ok(WatchSettings {
        socket,
        silent_after: config.watch.silent_after,
        account: config.engine.account,
        keeps_orders: config.engine.resting_orders == RestingOrders::Keep,
        live: config.engine.live,
        venue,
        credentials,
    })
}

/// The configured channels, or the log. Nobody can acknowledge here: that is the engine's business.
fn alerts(config: &Config, clock: &Clock) -> Result<Addr<AlertActor>, Failure> {
    let mut configs = config.alerts.clone();
    if configs.is_empty() {
        configs.push(alert::channels::log::Config::default().into());
    }
    let http = alert::Http::new(None).map_err(Failure::failed)?;
    let channels = alert::build_channels(&configs, &http).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Failure::usage(errors.join("\n"))
    })?;
    let settings = alert::Settings {
        voice: Voice::here(config.alerting.language),
        takes_answers: false,
        ..alert::Settings::default()
    };
    let undelivered = |alert: &Alert, why: String| {
        log::error!(actor = "watch"; "'{}' reached nobody, and is tried again: {why}", alert.title);
    };
    Ok(AlertActor::new(channels, clock.clone(), settings, Rc::new(undelivered)).start())
}
