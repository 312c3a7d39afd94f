//! What the gateway has a person told.

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
        let line = |left: &Left| {
            let Left {
                strategy,
                symbol,
                net,
                why,
            } = left;
            format!("{strategy} holds {net} {symbol}: {why}")
        };
        let text = left.iter().map(line).collect::<Vec<_>>().join("\n");
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
