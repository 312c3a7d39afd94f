//! Halts: none is forgotten by a restart, each has its alert, and each panic is one.

use std::time::Duration;

use tripline_engine::fault::{FaultKind, ScopeKind};
use tripline_engine::halt::{HaltLevel, Scope, Standing};
use tripline_engine::journal::{AlertStep, Halted, JournalRecord};
use tripline_engine::messages::alert::Alert;
use tripline_engine::time::Timestamp;

use super::{Ended, Journaled};
use crate::simulate::engine::Standings;

/// A halt that was in force when a run ended is in force when the next one begins. Of a run whose journal
/// had failed, a halt of everything stands for all that could not be written down.
pub(super) fn forgotten(engines: &[Ended]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut before: Option<(&Standings, bool)> = None;
    for engine in engines {
        let from_start = engine.traces.halted_from_start.borrow();
        if let (Some((before, is_forgetful)), Some(now)) = (before, from_start.as_ref()) {
            let everything = now.iter().any(|(scope, _)| *scope == Scope::Global);
            for (scope, standing) in before {
                let is_kept = stands_in(now, scope, standing) || (is_forgetful && everything);
                if !is_kept {
                    wrong.push(format!(
                        "{scope} was {} at the end of a run and is not halted in the next",
                        standing.level
                    ));
                }
            }
        }
        if let Some(halted) = &engine.halted {
            before = Some((halted, engine.is_forgetful));
        }
    }
    wrong
}

fn stands_in(halted: &Standings, scope: &Scope, standing: &Standing) -> bool {
    let level = standing.level;
    let mut same = halted.iter().filter(|(other, _)| other == scope);
    same.any(|(_, other)| other.level >= level)
}

/// Each halt that was written down has an alert that reached a person or is due: its own, that of an earlier
/// fault of the same kind and scope in its run, or that of the next run, which tells what it found standing.
pub(super) fn without_an_alert(engines: &[Ended], journal: &Journaled) -> Vec<String> {
    let alerts = alerts(engines, journal);
    let mut began = Timestamp::from_millis(0);
    let mut wrong = Vec::new();
    for (at, record) in &journal.records {
        match record {
            JournalRecord::RunStarted(_) => began = *at,
            JournalRecord::Halted(halted) if is_to_be_told(halted) => {
                let fault = &halted.incident.fault;
                let is_told = alerts.iter().any(|alert| {
                    let is_own = alert.kind == Some(fault.kind) && alert.at >= began;
                    let is_later = alert.at >= *at;
                    alert.scope == Some(fault.scope) && (is_own || is_later)
                });
                if !is_told {
                    wrong.push(format!(
                        "incident {} has no alert: {fault}",
                        halted.incident.id
                    ));
                }
            }
            _ => {}
        }
    }
    wrong
}

/// Each fault was raised for a scope that its kind is published to have (FAULTS.md).
pub(super) fn elsewhere(journal: &Journaled) -> Vec<String> {
    let halts = journal
        .records
        .iter()
        .filter_map(|(_, record)| match record {
            JournalRecord::Halted(halted) => Some(&halted.incident),
            _ => None,
        });
    let elsewhere = halts.filter(|incident| {
        let fault = &incident.fault;
        let kind = ScopeKind::of(&fault.scope);
        let is_widened = incident.reaction.scope == Some(fault.scope);
        let is_own = kind == ScopeKind::Strategy && fault.actor.starts_with("strategy ");
        !is_widened && !is_own && !fault.kind.scopes().contains(&kind)
    });
    elsewhere
        .map(|incident| {
            let (id, fault) = (incident.id, &incident.fault);
            format!("incident {id} is of a scope that its kind does not have: {fault}")
        })
        .collect()
}

fn is_to_be_told(halted: &Halted) -> bool {
    let incident = &halted.incident;
    // An alert about alerts that do not arrive would raise the next one.
    incident.reaction.level > HaltLevel::Active
        && incident.fault.kind != FaultKind::AlertUndelivered
}

/// What reached the person, and what is due.
fn alerts(engines: &[Ended], journal: &Journaled) -> Vec<Alert> {
    let mut alerts: Vec<_> = engines
        .iter()
        .flat_map(|engine| engine.traces.alerts())
        .collect();
    alerts.extend(
        journal
            .records
            .iter()
            .filter_map(|(_, record)| match record {
                JournalRecord::Alerted(alerted) => match &alerted.step {
                    AlertStep::Queued(alert) => Some(alert.clone()),
                    _ => None,
                },
                _ => None,
            }),
    );
    alerts
}

/// Every panic was seen: its fault is written down, unless the process ended in that moment, had not begun
/// to run or its journal had failed.
pub(super) fn unseen_panics(engine: &Ended, journal: &Journaled) -> Vec<String> {
    if engine.run.is_none() || engine.is_forgetful {
        return Vec::new();
    }
    let panicked = engine.traces.panics.happened();
    let unseen = panicked.iter().filter(|at| {
        let seen = journal.records.iter().any(|(_, record)| {
            let JournalRecord::Halted(halted) = record else {
                return false;
            };
            let fault = &halted.incident.fault;
            fault.kind == FaultKind::ActorPanic
                && fault.at >= **at
                && fault.at.saturating_since(**at) < Duration::from_secs(1)
        });
        let ended = engine.at.saturating_since(**at) < Duration::from_millis(10);
        !seen && !ended
    });
    unseen
        .map(|at| format!("a panic at {at} is not written down as a fault"))
        .collect()
}
