//! What tells a person, and the door through which they answer; all of it on the cold arbiter.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use actix::{Actor, Addr};
use tripline_actors::alert::{
    self, AlertActor, ChannelConfig, DueAlerts, Ping, Pulse, Route, Routed, Voice, keep_pinging,
};
use tripline_actors::clock::Clock;
use tripline_actors::control::{Desk, Door, DoorSettings, Doorkeeper};
use tripline_actors::faults::Faults;
use tripline_actors::gateway::OrderGateway;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::messages::alert::Alert;

use super::ground::Ground;
use crate::alerting::{Alerting, ControlConfig};
use crate::builder::{Builder, StartError};

impl Ground {
    /// Starts the alert actor. Without a channel, alerts go to the log.
    pub(super) async fn start_alerts(
        &self,
        builder: &mut Builder,
    ) -> Result<Addr<AlertActor>, StartError> {
        let mut channels = std::mem::take(&mut builder.channels);
        let own = std::mem::take(&mut builder.own_channels);
        if channels.is_empty() && own.is_empty() {
            channels.push(alert::channels::log::Config::default().into());
        }
        let (faults, clock) = (self.faults.clone(), self.clock.clone());
        let (run, journal) = (self.run, self.journal.clone());
        let settings = self.alert_settings(&builder.alerting, builder.traders.len());
        let file = builder.alerting.undelivered_file.clone();
        let (answer, started) = tokio::sync::oneshot::channel();
        self.cold.run(move || {
            let undelivered = undelivered(faults, clock.clone(), file);
            let actor = build_channels(&channels).map(|mut channels| {
                channels.extend(own.into_iter().map(|make| (make(), Route::default())));
                AlertActor::new(channels, clock, settings, undelivered)
                    .journaled(run, journal)
                    .start()
            });
            if answer.send(actor).is_err() {
                log::debug!(actor = "alert"; "nobody waits for the alert actor any more");
            }
        });
        let actor = started.await.map_err(|_| StartError::Actor {
            actor: "alert",
            detail: "it panicked".into(),
        })?;
        let actor = actor.map_err(StartError::Alerts)?;
        self.send_due(&actor);
        Ok(actor)
    }

    fn alert_settings(&self, alerting: &Alerting, strategies: usize) -> alert::Settings {
        let is_silent = !alerting.test_at_start && alerting.daily.is_none();
        let pulse = (!is_silent).then(|| Pulse {
            at_start: alerting.test_at_start,
            daily: alerting.daily,
            board: self.board.clone(),
            strategies,
            live: self.settings.live,
        });
        alert::Settings {
            voice: Voice::here(alerting.language),
            pulse,
            ..alert::Settings::default()
        }
    }

    /// Sends what was due when an earlier run ended.
    fn send_due(&self, alerts: &Addr<AlertActor>) {
        let earlier = &self.earlier.alerts;
        let due = earlier.open();
        let due: Vec<_> = due.map(|(key, alert)| (*key, alert.clone())).collect();
        let acknowledged = earlier.acknowledged().clone();
        if !due.is_empty() || !acknowledged.is_empty() {
            self.sender("engine", Scope::Global)
                .outlet_to("alert", alerts)
                .send(DueAlerts { due, acknowledged });
        }
    }

    /// Pings an external service as long as the gateway answers.
    pub(super) fn start_ping(
        &self,
        alerting: &Alerting,
        gateway: &Addr<OrderGateway>,
    ) -> Result<(), StartError> {
        let Some(config) = &alerting.ping else {
            return Ok(());
        };
        let url = config.url.resolve();
        let url = url.map_err(|error| StartError::Alerts(format!("ping: {error}")))?;
        let ping = Ping {
            url,
            every: config.every,
        };
        let gateway = gateway.clone().recipient();
        self.cold.run(move || match alert::Http::new(None) {
            // It ends with its arbiter.
            Ok(http) => drop(actix_rt::spawn(keep_pinging(ping, http, gateway))),
            Err(error) => log::error!(actor = "ping"; "there is no ping: {error}"),
        });
        Ok(())
    }

    /// Opens the door for commands, where one is configured.
    pub(super) async fn open_door(
        &self,
        control: ControlConfig,
        alerts: &Addr<AlertActor>,
    ) -> Result<Option<Addr<Doorkeeper>>, StartError> {
        let ControlConfig { socket, http, .. } = control;
        let path = socket.clone();
        if socket.is_none() && http.is_none() {
            return Ok(None);
        }
        let http = http.map(|(address, token)| Ok((address, token.resolve()?)));
        let http = http.transpose();
        let http = http
            .map_err(|error: alert::SecretError| StartError::Control(format!("token: {error}")))?;
        let (settings, desk) = (
            DoorSettings { socket, http },
            Desk {
                alerts: alerts.clone(),
                faults: self.faults.clone(),
                clock: self.clock.clone(),
                run: self.run,
                account: self.settings.account,
                live: self.settings.live,
                parts: self.parts.clone(),
                halt_file: self.halt_file.clone(),
                life: self.life.clone(),
            },
        );
        let (answer, opened) = tokio::sync::oneshot::channel();
        self.cold.run(move || {
            let opened = Door::open(settings, desk).map(|door| Doorkeeper(door).start());
            if answer.send(opened).is_err() {
                log::debug!(actor = "control"; "nobody waits for the door any more");
            }
        });
        let opened = opened.await.map_err(|_| StartError::Actor {
            actor: "control",
            detail: "it panicked".into(),
        })?;
        let opened = opened.map_err(|error| StartError::Control(error.to_string()))?;
        self.opening.opened(path);
        Ok(Some(opened))
    }
}

/// Takes the socket along again when the start fails later: one that is left says that an engine was killed.
#[derive(Default)]
pub(super) struct Opening(RefCell<Option<PathBuf>>);

impl Opening {
    fn opened(&self, socket: Option<PathBuf>) {
        self.0.replace(socket);
    }

    /// The engine has started: its stop takes the socket along.
    pub(super) fn is_over(&self) {
        self.0.take();
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take()
            && let Err(error) = std::fs::remove_file(&socket)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            log::warn!(actor = "control"; "{} stays: {error}", socket.display());
        }
    }
}

/// An alert that reached nobody is a fault of everything, and a line in a file for whoever looks.
fn undelivered(faults: Faults, clock: Clock, file: Option<PathBuf>) -> alert::OnUndelivered {
    Rc::new(move |alert: &Alert, why: String| {
        let (at, detail) = (
            clock.now(),
            format!("'{}' reached nobody: {why}", alert.title),
        );
        if let Some(path) = &file
            && let Err(error) = note(path, &format!("{at} {detail}\n"))
        {
            log::error!(actor = "alert"; "{} cannot be written: {error}", path.display());
        }
        faults.raise(Fault {
            kind: FaultKind::AlertUndelivered,
            scope: Scope::Global,
            actor: "alert".into(),
            detail,
            at,
        });
    })
}

fn note(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())
}

fn build_channels(configs: &[ChannelConfig]) -> Result<Vec<Routed>, String> {
    if configs.is_empty() {
        return Ok(Vec::new());
    }
    let http = alert::Http::new(None).map_err(|error| error.to_string())?;
    alert::build_channels(configs, &http).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        errors.join("; ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_fails_takes_its_socket_along_and_one_that_succeeds_leaves_it_to_the_stop() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("a.sock");
        for (succeeds, stays) in [(false, false), (true, true)] {
            std::fs::write(&socket, "").unwrap();
            let opening = Opening::default();
            opening.opened(Some(socket.clone()));
            if succeeds {
                opening.is_over();
            }
            drop(opening);
            assert_eq!(socket.exists(), stays);
        }
    }
}
