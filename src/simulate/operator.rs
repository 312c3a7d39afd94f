//! The person who runs the engine: looks once a second, lifts halts after a while, starts it again when it
//! is gone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, timeout};

use super::trace::Trace;
use crate::running::Running;

/// How long an answer of the engine is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Operator {
    random: StdRng,
    /// When the halts that were seen are lifted.
    resume_at: Option<Instant>,
    /// How long a person takes, at most, in milliseconds.
    pub(super) slowness: u64,
    pub(super) halts: u64,
}

impl Operator {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed ^ 0x6f70_6572),
            resume_at: None,
            slowness: 20_000,
            halts: 0,
        }
    }

    /// Whether it is time to lift what stands.
    pub(super) fn is_due(&mut self, running: &Running) -> bool {
        if running.board().restricted().is_empty() {
            self.resume_at = None;
            return false;
        }
        let after = Duration::from_millis(self.random.random_range(1_000..self.slowness));
        let at = *self.resume_at.get_or_insert_with(|| {
            self.halts += 1;
            Instant::now() + after
        });
        Instant::now() >= at
    }

    /// Lifts every halt, with all that stands named.
    pub(super) async fn resume(&mut self, running: &Running, trace: &Trace) {
        self.resume_at = None;
        for (scope, standing) in running.board().restricted() {
            let resume = standing.resume(scope, "looked at", "operator");
            let answer = timeout(PATIENCE, running.resume(resume)).await;
            trace.say("operator", || format!("resumes {scope}: {answer:?}"));
        }
    }

    /// Whether an actor of the engine is gone, so that only a restart helps.
    pub(super) fn is_broken(running: &Running) -> bool {
        !(running.gateway.connected()
            && running.safety.connected()
            && running.alerts.connected()
            && running.user.connected()
            && running.market.connected()
            && running
                .seats
                .iter()
                .all(|seat| seat.hosted.as_ref().is_none_or(actix::Addr::connected)))
    }
}
