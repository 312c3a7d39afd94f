//! What the watch has a person told.

use std::time::Duration;

use actix::Addr;
use tokio::time::timeout;
use tripline_actors::alert::{AlertActor, Flush, ReadOwed};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::Scope;
use tripline_engine::messages::alert::{Alert, Severity};

use super::Watch;

/// Alerts that are on their way at the end have so long.
const FLUSHED_WITHIN: Duration = Duration::from_secs(15);

impl Watch {
    pub(super) fn alert(
        &self,
        severity: Severity,
        title: String,
        text: String,
        kind: Option<FaultKind>,
    ) -> Alert {
        Alert {
            text,
            kind,
            scope: Some(Scope::Account(self.settings.account)),
            live: self.settings.live,
            ..Alert::new(severity, title, self.clock.now())
        }
    }

    pub(super) async fn tell(
        &self,
        severity: Severity,
        title: String,
        text: String,
        kind: Option<FaultKind>,
    ) {
        let alert = self.alert(severity, title, text, kind);
        self.send(alert).await;
    }

    pub(super) async fn send(&self, alert: Alert) {
        let title = alert.title.clone();
        if let Err(error) = self.alerts.send(alert).await {
            log::error!(actor = "watch"; "'{title}' reaches nobody: {error}");
        }
    }
}

/// Waits until alerts are delivered or given up; gives how many have reached nobody.
pub async fn flush(alerts: &Addr<AlertActor>) -> usize {
    if timeout(FLUSHED_WITHIN, alerts.send(Flush)).await.is_err() {
        log::error!(actor = "watch"; "alerts are still on their way after {FLUSHED_WITHIN:?}");
    }
    alerts.send(ReadOwed).await.unwrap_or(1)
}
