//! What the records of the period add up to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tripline_engine::fault::{FaultKind, IncidentId};
use tripline_engine::halt::Scope;
use tripline_engine::ids::{ClientOrderId, RunId};
use tripline_engine::journal::{
    AlertKey, AlertStep, Alerted, Compared, Denied, Ending, Flattened, JournalRecord, LimitSet,
    PlacementAnswer, Reconciled, Reconciliation, Resolved, RunStarted, Tripped,
};
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

/// What has happened.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Ledger {
    pub(super) runs: Runs,
    pub(super) orders: Orders,
    /// Orders that this engine has refused, by code.
    pub(super) denials: BTreeMap<String, u64>,
    pub(super) trips: Vec<Trip>,
    pub(super) incidents: Vec<Hit>,
    pub(super) resumes: Vec<Lifted>,
    pub(super) flattens: Vec<Closed>,
    pub(super) limit_changes: Vec<Changed>,
    pub(super) configurations: Vec<Configured>,
    pub(super) alerts: Alerts,
    pub(super) reconciliations: Reconciliations,
    #[serde(skip)]
    open: Open,
}

/// What began and has not ended yet.
#[derive(Debug, Clone, Default)]
struct Open {
    runs: BTreeSet<RunId>,
    uncertain: BTreeMap<ClientOrderId, Timestamp>,
    alerts: BTreeMap<AlertKey, Timestamp>,
    unheard: BTreeSet<AlertKey>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Runs {
    pub(super) started: u64,
    pub(super) ended_in_order: u64,
    /// Those that a later one found without an end.
    pub(super) ended_without_a_word: u64,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Orders {
    pub(super) intents: u64,
    pub(super) not_sent: u64,
    pub(super) refused_by_the_venue: u64,
    pub(super) uncertain: u64,
    /// Until it was known what had become of an uncertain one.
    pub(super) longest_uncertain_ms: u64,
    pub(super) never_arrived: u64,
    pub(super) fills: u64,
    pub(super) foreign: u64,
}

/// A limit that was reached by what has happened.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Trip {
    pub(super) at: String,
    #[serde(flatten)]
    pub(super) trip: Tripped,
}

/// How often a kind of fault hit a scope.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Hit {
    pub(super) kind: FaultKind,
    pub(super) scope: Scope,
    pub(super) count: u64,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) first_incident: IncidentId,
    pub(super) detail: String,
    /// Whether its scope was not resumed after the last.
    pub(super) stands: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Lifted {
    pub(super) at: String,
    pub(super) scope: Scope,
    pub(super) incidents: u64,
    pub(super) reason: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Changed {
    pub(super) at: String,
    #[serde(flatten)]
    pub(super) change: LimitSet,
}

/// A configuration or an engine that was run for the first time.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Configured {
    pub(super) at: String,
    pub(super) configuration: String,
    pub(super) engine: String,
    pub(super) live: bool,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Alerts {
    pub(super) critical: u64,
    pub(super) warning: u64,
    pub(super) info: u64,
    pub(super) acknowledged: u64,
    pub(super) longest_until_acknowledged_ms: u64,
    /// Those that reached nobody.
    pub(super) unheard: u64,
    /// Messages by channel.
    pub(super) delivered: BTreeMap<String, u64>,
}

/// A flatten that has ended.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Closed {
    pub(super) at: String,
    #[serde(flatten)]
    pub(super) flattened: Flattened,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Reconciliations {
    pub(super) agreed: u64,
    pub(super) differed: u64,
    pub(super) failed: u64,
    pub(super) balances_differed: u64,
}

impl Ledger {
    pub(super) fn take(&mut self, at: Timestamp, record: JournalRecord) {
        match record {
            JournalRecord::RunStarted(started) => self.started(at, started),
            JournalRecord::RunEnded(ended) => {
                self.runs.ended_in_order += 1;
                self.open.runs.remove(&ended.run);
            }
            JournalRecord::Intent(_) => self.orders.intents += 1,
            JournalRecord::Answered(answered) => {
                let refused = matches!(answered.answer, PlacementAnswer::Refused { .. });
                self.orders.refused_by_the_venue += u64::from(refused);
            }
            JournalRecord::Filled(_) => self.orders.fills += 1,
            JournalRecord::ForeignSeen(_) => self.orders.foreign += 1,
            JournalRecord::Uncertain(uncertain) => {
                self.orders.uncertain += 1;
                self.open.uncertain.insert(uncertain.id, at);
            }
            JournalRecord::Resolved(resolved) => self.resolved(at, &resolved),
            JournalRecord::Denied(Denied { code, repeats, .. }) => {
                *self.denials.entry(code).or_default() += 1 + repeats;
            }
            JournalRecord::Tripped(trip) => self.trips.push(Trip {
                at: at.to_string(),
                trip,
            }),
            JournalRecord::Halted(halted) => self.hit(at, halted.incident),
            JournalRecord::Resumed(resumed) => self.lifted(at, resumed.resume),
            JournalRecord::Flattened(flattened) => self.flattens.push(Closed {
                at: at.to_string(),
                flattened,
            }),
            JournalRecord::LimitSet(change) => self.limit_changes.push(Changed {
                at: at.to_string(),
                change,
            }),
            JournalRecord::Alerted(alerted) => self.alerted(at, alerted),
            JournalRecord::Reconciled(done) => self.reconciled(&done),
            JournalRecord::Sent(_)
            | JournalRecord::Reported(_)
            | JournalRecord::Traded(_)
            | JournalRecord::Found(_)
            | JournalRecord::Moved(_)
            | JournalRecord::BalancesTaken(_)
            | JournalRecord::LossMarked(_)
            | JournalRecord::Damaged(_) => {}
        }
    }

    fn started(&mut self, at: Timestamp, started: RunStarted) {
        self.runs.started += 1;
        self.runs.ended_without_a_word += self.open.runs.len() as u64;
        self.open.runs = BTreeSet::from([started.run]);
        let known = self.configurations.last();
        let is_new = known.is_none_or(|known| {
            (&known.configuration, &known.engine) != (&started.configuration, &started.engine)
        });
        if is_new {
            self.configurations.push(Configured {
                at: at.to_string(),
                configuration: started.configuration,
                engine: started.engine,
                live: started.live,
            });
        }
    }

    fn resolved(&mut self, at: Timestamp, resolved: &Resolved) {
        match resolved.ending {
            Ending::NotSent { .. } => self.orders.not_sent += 1,
            Ending::NeverArrived => self.orders.never_arrived += 1,
            Ending::Shown { .. } => {}
        }
        if let Some(since) = self.open.uncertain.remove(&resolved.id) {
            let longest = &mut self.orders.longest_uncertain_ms;
            *longest = (*longest).max(millis(since, at));
        }
    }

    fn hit(&mut self, at: Timestamp, incident: tripline_engine::halt::Incident) {
        let (kind, scope) = (incident.fault.kind, incident.fault.scope);
        let mut hits = self.incidents.iter_mut();
        match hits.find(|hit| hit.kind == kind && hit.scope == scope) {
            Some(hit) => {
                hit.count += 1;
                hit.last = at.to_string();
                hit.stands = true;
            }
            None => self.incidents.push(Hit {
                kind,
                scope,
                count: 1,
                first: at.to_string(),
                last: at.to_string(),
                first_incident: incident.id,
                detail: incident.fault.detail,
                stands: true,
            }),
        }
    }

    fn lifted(&mut self, at: Timestamp, resume: tripline_engine::messages::control::Resume) {
        for hit in self
            .incidents
            .iter_mut()
            .filter(|hit| hit.scope == resume.scope)
        {
            hit.stands = false;
        }
        self.resumes.push(Lifted {
            at: at.to_string(),
            scope: resume.scope,
            incidents: resume.incidents.len() as u64,
            reason: match resume.who.as_str() {
                "" => resume.reason,
                who => format!("{who}: {}", resume.reason),
            },
        });
    }

    fn alerted(&mut self, at: Timestamp, alerted: Alerted) {
        let Alerted {
            key,
            severity,
            step,
            ..
        } = alerted;
        match step {
            AlertStep::Queued(_) => match severity {
                Severity::Critical => self.alerts.critical += 1,
                Severity::Warning => self.alerts.warning += 1,
                Severity::Info => self.alerts.info += 1,
            },
            AlertStep::Delivered { channel } => {
                self.open.unheard.remove(&key);
                *self.alerts.delivered.entry(channel).or_default() += 1;
            }
            AlertStep::Failed { .. } => drop(self.open.unheard.insert(key)),
            AlertStep::Escalating => drop(self.open.alerts.insert(key, at)),
            AlertStep::Acknowledged { .. } => {
                self.alerts.acknowledged += 1;
                if let Some(since) = self.open.alerts.remove(&key) {
                    let longest = &mut self.alerts.longest_until_acknowledged_ms;
                    *longest = (*longest).max(millis(since, at));
                }
            }
            AlertStep::Closed => drop(self.open.alerts.remove(&key)),
        }
        self.alerts.unheard = self.open.unheard.len() as u64;
    }

    fn reconciled(&mut self, done: &Reconciled) {
        match done.outcome {
            Reconciliation::Agreed => self.reconciliations.agreed += 1,
            Reconciliation::Differed { .. } => self.reconciliations.differed += 1,
            Reconciliation::Failed { .. } => self.reconciliations.failed += 1,
        }
        let differ = matches!(done.balances, Compared::Differ(_));
        self.reconciliations.balances_differed += u64::from(differ);
    }

    /// What a person has to look at.
    pub(super) fn found(&self) -> Vec<String> {
        let crashed = self.runs.ended_without_a_word;
        let (open, unheard) = (self.open.uncertain.len(), self.alerts.unheard);
        let unseen = self.open.alerts.len();
        let mut found = Vec::new();
        let mut note = |count: usize, what: &str| {
            found.extend((count > 0).then(|| format!("{count} {what}")));
        };
        note(
            usize::try_from(crashed).unwrap_or(usize::MAX),
            "runs ended without a word",
        );
        note(open, "orders are still uncertain");
        note(
            usize::try_from(unheard).unwrap_or(usize::MAX),
            "alerts have reached nobody",
        );
        note(unseen, "alerts were acknowledged by nobody");
        for hit in self.incidents.iter().filter(|hit| hit.stands) {
            let Hit {
                kind, scope, last, ..
            } = hit;
            found.push(format!("{scope} was not resumed after {kind} of {last}"));
        }
        let looser = self.limit_changes.iter().filter(|one| one.change.is_looser);
        found.extend(looser.map(|one| {
            let LimitSet {
                scope, key, who, ..
            } = &one.change;
            format!("{who} loosened {key} of {scope} at {}", one.at)
        }));
        found
    }
}

fn millis(since: Timestamp, at: Timestamp) -> u64 {
    u64::try_from(at.saturating_since(since).as_millis()).unwrap_or(u64::MAX)
}
