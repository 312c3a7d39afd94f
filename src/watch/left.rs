//! What an engine that stopped in order has left at the venue.

use serde_json::json;
use tripline_engine::ids::RunId;
use tripline_engine::messages::alert::Severity;
use tripline_engine::ports::VenueError;

use super::{Done, Watch};

impl Watch {
    pub(super) fn ask_what_is_left(&self, run: RunId) {
        let (sweeper, done) = (self.sweeper.clone(), self.done.clone());
        let keeps = self.settings.keeps_orders;
        actix_rt::spawn(async move {
            let orders = sweeper.left(run, keeps).await;
            if done.send(Done::Left { run, orders }).is_err() {
                log::debug!(actor = "watch"; "it has ended");
            }
        });
    }

    pub(super) async fn left(&self, run: RunId, orders: Result<usize, VenueError>) {
        let (severity, title) = match orders {
            Ok(0) => return,
            orders if self.settings.keeps_orders => {
                let text = match orders {
                    Ok(orders) => format!("run {run} has left {orders} orders, as configured"),
                    Err(error) => format!("what run {run} has left cannot be listed: {error}"),
                };
                return self.said.say("left", &text, json!({ "run": run }));
            }
            Ok(orders) => (
                Severity::Warning,
                format!("run {run} stopped and left {orders} orders: cancelled by tripline watch"),
            ),
            Err(error) => (
                Severity::Critical,
                format!("run {run} stopped, and its orders may be open: {error}"),
            ),
        };
        self.said.say("left", &title, json!({ "run": run }));
        self.tell(severity, title, String::new(), None).await;
    }
}
