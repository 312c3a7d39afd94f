//! What the safety actor has a person told.

use std::time::Duration;

use actix::fut::WrapFuture;
use actix::{ActorFutureExt, AsyncContext, Context};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{HaltLevel, Incident, Scope, Standing};
use tripline_engine::ids::StrategyId;
use tripline_engine::messages::alert::{Alert, Facts, Severity};
use tripline_engine::messages::control::Halt;
use tripline_engine::planted::{self, Planted};

use super::Safety;
use super::figures::{Figures, figures};
use crate::gateway::ReadDesk;

/// An alert waits for its numbers so long: the gateway may be the trouble.
const FIGURES_WITHIN: Duration = Duration::from_millis(300);

impl Safety {
    /// The alert about an incident, but for its numbers.
    pub(super) fn alert_about(
        &self,
        incident: &Incident,
        halted: Vec<StrategyId>,
        working: Vec<StrategyId>,
    ) -> Option<Alert> {
        let Incident {
            fault, reaction, ..
        } = incident;
        let severity = match reaction.level {
            HaltLevel::Active => Severity::Warning,
            HaltLevel::ReduceOnly | HaltLevel::Halted => Severity::Critical,
        };
        let facts = Facts {
            level: Some(reaction.level),
            halted,
            working,
            resting_orders: Some(reaction.resting_orders),
            resumes_after: reaction.resumes_after,
            venue_code: venue_code(&fault.detail),
            instrument: match fault.scope {
                Scope::Instrument(symbol) => Some(symbol),
                _ => None,
            },
            ..Facts::default()
        };
        let alert = self.alert_of(severity, fault.to_string(), String::new(), Some(incident));
        alert.map(|alert| Alert { facts, ..alert })
    }

    /// Tells once the gateway has said how orders and positions stand, or has not said it in time.
    pub(super) fn tell_with_figures(
        &mut self,
        hit: (FaultKind, Scope),
        alert: Alert,
        ctx: &mut Context<Self>,
    ) {
        self.asking.insert(hit, 0);
        let question = tokio::time::timeout(FIGURES_WITHIN, self.desk.send(ReadDesk));
        let told = question.into_actor(self).map(move |answer, safety, _| {
            let again = safety.asking.remove(&hit).unwrap_or_default();
            let wards = safety.wards.iter();
            let within = wards.filter(|(_, ward)| ward.membership.is_in(&hit.1));
            let within: Vec<StrategyId> = within.map(|(strategy, _)| *strategy).collect();
            let figures = match answer {
                Ok(Ok(desk)) => figures(&desk, &within),
                Ok(Err(_)) | Err(_) => Figures::new(),
            };
            let facts = Facts {
                figures,
                count: again + 1,
                ..alert.facts
            };
            safety.send(Alert { facts, ..alert });
        });
        ctx.spawn(told);
    }

    /// Tells of a halt that an earlier run has left standing.
    pub(super) fn still_halted(&mut self, scope: Scope, standing: &Standing) {
        let Standing {
            level, incidents, ..
        } = standing;
        let first = incidents.first();
        if let Some(incident) = first {
            let wards = self.wards.values();
            for ward in wards.filter(|ward| ward.membership.is_in(&scope)) {
                ward.halt.send(Halt {
                    scope,
                    level: *level,
                    incident: incident.clone(),
                });
            }
        }
        let title = format!("{scope} is still {level} since an earlier run");
        let told = incidents
            .iter()
            .map(|incident| format!("{} {}", incident.id, incident.fault));
        let text = told.collect::<Vec<_>>().join("\n");
        log::warn!(actor = "safety"; "{title}: {text}");
        self.alert(Severity::Critical, title, text, first);
    }

    /// `None` for an alert about alerts that do not arrive: it would raise the next one.
    pub(super) fn alert_of(
        &self,
        severity: Severity,
        title: String,
        text: String,
        incident: Option<&Incident>,
    ) -> Option<Alert> {
        let fault = incident.map(|incident| &incident.fault);
        let strategy = match fault.map(|fault| fault.scope) {
            Some(Scope::Strategy(strategy)) => Some(strategy),
            _ => None,
        };
        let is_circular = fault.is_some_and(|fault| fault.kind == FaultKind::AlertUndelivered);
        (!is_circular).then(|| Alert {
            text,
            strategy,
            kind: fault.map(|fault: &Fault| fault.kind),
            scope: fault.map(|fault| fault.scope),
            incident: incident.map(|incident| incident.id),
            live: self.live,
            ..Alert::new(severity, title, self.clock.now())
        })
    }

    pub(super) fn send(&mut self, alert: Alert) {
        if planted::is(Planted::HaltUntold) {
            return;
        }
        self.stats.alerts += 1;
        self.alerts.send(alert);
    }

    pub(super) fn alert(
        &mut self,
        severity: Severity,
        title: String,
        text: String,
        incident: Option<&Incident>,
    ) {
        if let Some(alert) = self.alert_of(severity, title, text, incident) {
            self.send(alert);
        }
    }
}

/// The venue's own code within what happened, which errors show as `(-2010)`.
fn venue_code(detail: &str) -> Option<String> {
    let within = detail.split('(').skip(1);
    let mut within = within.filter_map(|rest| Some(rest.split_once(')')?.0));
    let is_code = |text: &&str| {
        let digits = text.strip_prefix('-').unwrap_or_default();
        (4..=5).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())
    };
    within.find(is_code).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_venues_own_code_is_found_in_what_happened() {
        let code = |text| venue_code(text);
        assert_eq!(
            code("refused (-2010): no balance").as_deref(),
            Some("-2010")
        );
        assert_eq!(
            code("order (a) invalid request (-1021): x").as_deref(),
            Some("-1021")
        );
        for none in ["offset -1234 ms", "at (2026-11-28)", "(−2010", "(-20)", ""] {
            assert_eq!(code(none), None, "{none}");
        }
    }
}
