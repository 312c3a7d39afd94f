//! What `--faults` does to the exchange, through its own fault switchboard.

use std::time::Duration;

use serde_json::json;

use super::{DemoError, DemoOptions};
use crate::practice::Pages;

/// One fault of the plan.
struct Step {
    /// When, as a share of the demo's time in percent.
    at_percent: u32,
    note: &'static str,
    fault: serde_json::Value,
}

/// The faults that are still to come.
pub(super) struct Plan {
    steps: Vec<Step>,
    whole: Duration,
    pages: Pages,
}

impl Plan {
    pub(super) fn new(options: &DemoOptions, pages: Pages) -> Self {
        let mut steps = Vec::new();
        if options.faults {
            steps.push(Step {
                at_percent: 35,
                note: "FAULT at the exchange: the next ETHUSDT order is taken, and answered with an empty HTTP 503",
                fault: json!({"kind": "server_error", "status": 503, "live": true, "operation": "order.place", "symbol": "ETHUSDT"}),
            });
            steps.push(Step {
                at_percent: 65,
                note: "FAULT at the exchange: the next BTCUSDT bookTicker carries a number where a text stood",
                fault: json!({"kind": "bad_message", "stream": "bookTicker", "symbol": "BTCUSDT", "how": "number_for_string", "field": "b"}),
            });
        }
        Self {
            steps,
            whole: Duration::from_secs(options.seconds),
            pages,
        }
    }

    /// Injects what is due, and tells about it.
    pub(super) async fn act(&mut self, left: Duration) -> Result<Vec<String>, DemoError> {
        let mut notes = Vec::new();
        while let Some(step) = self.steps.first() {
            if left > self.whole * (100 - step.at_percent) / 100 {
                break;
            }
            let step = self.steps.remove(0);
            let set = self.pages.post("/practice/faults", &step.fault).await;
            set.map_err(DemoError::Record)?;
            notes.push(step.note.to_owned());
        }
        Ok(notes)
    }
}
