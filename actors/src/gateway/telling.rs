//! What the gateway has a person told.

use tripline_engine::desk::FlattenHealth;
use tripline_engine::halt::Scope;
use tripline_engine::journal::{Flattened, Left};
use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::messages::control::ForeignOrders;

use super::OrderGateway;

impl OrderGateway {
    /// Told once for each order: the desk sees to that.
    pub(super) fn tell_foreign(&self, what: &str, policy: ForeignOrders) {
        let text = match policy {
            ForeignOrders::Ignore => "It is left alone, as configured; its fills are counted.",
            ForeignOrders::Adopt => "A halt that it is in the scope of cancels it, as configured.",
            ForeignOrders::Refuse => "Such orders are refused, as configured.",
        };
        let title = format!("{what} is not of this engine");
        log::warn!(actor = "gateway"; "{title}: {text}");
        self.tell_person(title, text.into());
    }

    pub(super) fn tell_person(&self, title: String, text: String) {
        self.alerts.send(Alert {
            text,
            scope: Some(Scope::Account(self.desk.account())),
            live: self.live,
            ..Alert::new(Severity::Warning, title, self.clock.now())
        });
    }

    /// The engine stops and nobody goes on with these: what they have left stays until the next run.
    pub(super) fn tell_unfinished_flattens(&self) {
        for (
            scope,
            FlattenHealth {
                incidents, left, ..
            },
        ) in self.desk.flatten_health()
        {
            let positions = left.len();
            let title = format!(
                "the engine stops while {scope} is flattened: {positions} positions are left"
            );
            let text = format!("{}\nThe next run goes on with it.", lines(&left));
            log::warn!(actor = "gateway"; "{title} {text}");
            self.alerts.send(Alert {
                text,
                scope: Some(scope),
                incident: incidents.first().copied(),
                live: self.live,
                ..Alert::new(Severity::Critical, title, self.clock.now())
            });
        }
    }

    /// What a flatten has come to; what it has left is for a person to close.
    pub(super) fn tell_flattened(&self, report: &Flattened) {
        let Flattened {
            scope, exits, left, ..
        } = report;
        let (severity, title) = match left.as_slice() {
            [] => (
                Severity::Info,
                format!("{scope} is flat after {exits} exits"),
            ),
            left => (
                Severity::Critical,
                format!("{scope} is NOT flat: {} positions are left", left.len()),
            ),
        };
        let text = lines(left);
        log::warn!(actor = "gateway"; "{title} {text}");
        self.alerts.send(Alert {
            text,
            scope: Some(*scope),
            incident: report.incidents.first().copied(),
            live: self.live,
            ..Alert::new(severity, title, self.clock.now())
        });
    }
}

/// A line for each position.
fn lines(left: &[Left]) -> String {
    let line = |left: &Left| {
        let Left {
            strategy,
            symbol,
            net,
            why,
        } = left;
        format!("{strategy} holds {net} {symbol}: {why}")
    };
    left.iter().map(line).collect::<Vec<_>>().join("\n")
}
