//! Lifting what an earlier run has left halted, once everything is in order.

use std::time::Duration;

use tripline_engine::halt::{ResumeRefused, Scope, Standing};

use crate::running::Running;

/// A second apart: the private stream and the market data may still be on their way.
const ATTEMPTS: u32 = 60;

impl Running {
    /// The halts that stood when this run began.
    #[must_use]
    pub fn earlier_halts(&self) -> &[(Scope, Standing)] {
        &self.earlier_halts
    }

    /// Lifts the halts that an earlier run has left, and nothing else: whoever orders this before a start has seen
    /// those. A halt that has met a further incident since stays, as do halts of this run.
    pub async fn resume_earlier(&self, reason: &str, who: &str) {
        for (scope, standing) in self.earlier_halts() {
            let order = standing.resume(*scope, reason, who);
            for attempt in 1..=ATTEMPTS {
                match self.resume(order.clone()).await {
                    Err(
                        refused @ (ResumeRefused::NotReconciled { .. }
                        | ResumeRefused::NotInOrder { .. }),
                    ) if attempt < ATTEMPTS => {
                        log::info!(actor = "engine"; "not resumed yet: {refused}");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    Err(refused) => {
                        log::error!(actor = "engine"; "{refused}");
                        break;
                    }
                    Ok(()) => break,
                }
            }
        }
    }
}
