//! Whether the watch could look at the account if it had to, found out while nothing depends on it: a key that was
//! mistyped, revoked or bound to another address would show itself only when the engine is dead.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tripline_engine::messages::alert::{Alert, Facts, Phase, Severity};
use tripline_engine::ports::VenueError;

use super::{Done, Watch};

/// A list of all open orders costs 80 of the 6,000 that Binance allows in a minute.
const EVERY: Duration = Duration::from_secs(600);

/// After a failure.
const AGAIN: Duration = Duration::from_secs(20);

/// What the venue may not have meant is told when it comes so often in a row.
const PATIENCE: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Check {
    /// `None` before the first.
    next: Option<Instant>,
    is_under_way: bool,
    /// In a row.
    failures: u32,
    is_told: bool,
    was_seen: bool,
}

impl Watch {
    /// Looks at the account, unless it is being cleared, which tells more.
    pub(super) fn check_if_due(&mut self) {
        let is_due = self.check.next.is_none_or(|at| at <= Instant::now());
        if self.check.is_under_way || !is_due || self.silence.lasts.get() {
            return;
        }
        self.check.is_under_way = true;
        let (sweeper, done) = (self.sweeper.clone(), self.done.clone());
        actix_rt::spawn(async move {
            if done.send(Done::Looked(sweeper.look().await)).is_err() {
                log::debug!(actor = "watch"; "it has ended");
            }
        });
    }

    pub(super) async fn looked(&mut self, answer: Result<(), VenueError>) {
        let check = &mut self.check;
        check.is_under_way = false;
        let pause = if answer.is_ok() { EVERY } else { AGAIN };
        check.next = Some(Instant::now() + pause);
        match answer {
            Ok(()) => {
                check.failures = 0;
                let was_told = std::mem::take(&mut check.is_told);
                if !std::mem::replace(&mut check.was_seen, true) || was_told {
                    let text = "the account can be looked at";
                    self.said.say("account_seen", text, json!({}));
                }
                if was_told {
                    self.tell_it_is_over().await;
                }
            }
            Err(error) => {
                check.failures += 1;
                let is_certain = matches!(error, VenueError::Authentication { .. });
                let is_news = is_certain || check.failures >= PATIENCE;
                if is_news && !std::mem::replace(&mut check.is_told, true) {
                    self.tell_it_is_blind(&error).await;
                }
            }
        }
    }

    async fn tell_it_is_blind(&mut self, error: &VenueError) {
        let title = "tripline watch cannot look at the account: it could cancel nothing";
        let fields = json!({ "error": error.to_string() });
        self.said
            .say("account_unseen", &format!("{title}: {error}"), fields);
        let text = format!("{error}. Check its key, the key's allowed addresses, and the network.");
        let kind = Some(error.fault_kind());
        self.tell(Severity::Critical, title.into(), text, kind)
            .await;
    }

    async fn tell_it_is_over(&self) {
        let title = "tripline watch can look at the account again";
        let alert = self.alert(Severity::Info, title.into(), String::new(), None);
        let facts = Facts {
            phase: Phase::Resolved,
            ..Facts::default()
        };
        self.send(Alert { facts, ..alert }).await;
    }
}
