//! The report as Markdown.

use super::ledger::Ledger;
use super::{Assessment, HaltRow};
use crate::drill::Verdict;

/// A table, or the word "none".
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let cells = cells.iter();
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rows: String = rows.into_iter().map(|row| line(&row)).collect();
    if rows.is_empty() {
        return "none\n".into();
    }
    let head: Vec<String> = head.iter().map(|word| (*word).to_owned()).collect();
    format!("{}|{}\n{rows}", line(&head), "---|".repeat(head.len()))
}

pub(super) fn text(report: &Assessment) -> String {
    let money = if report.live {
        "real money"
    } else {
        "no real money"
    };
    let findings: String = report
        .findings
        .iter()
        .map(|one| format!("- {one}\n"))
        .collect();
    let sections = [
        format!(
            "# Self-assessment of account {}\n\n{} to {}; {money}; engine {}; configuration {}\n",
            report.account, report.from, report.to, report.engine, report.configuration
        ),
        format!(
            "## To look at\n\n{}",
            if findings.is_empty() {
                "nothing\n"
            } else {
                &findings
            }
        ),
        format!("## Controls\n\n{}", controls(report)),
        format!("## What faults do\n\n{}", halts(&report.halts)),
        happened(&report.ledger),
        changes(&report.ledger),
        format!("## Drills\n\n{}", drills(report)),
        format!(
            "## Journal\n\n{} records, {}; the hash of the last is `{}`\n",
            report.journal.records,
            if report.journal.intact {
                "intact"
            } else {
                "DAMAGED"
            },
            report.journal.hash
        ),
    ];
    sections.join("\n")
}

fn controls(report: &Assessment) -> String {
    let rows = report.controls.iter().map(|control| {
        let set = match control.active {
            true => control.set.join("; "),
            false => "**not set**".to_owned(),
        };
        vec![control.id.to_owned(), control.name.to_owned(), set]
    });
    table(&["", "control", "set to"], rows)
}

fn halts(rows: &[HaltRow]) -> String {
    let rows = rows.iter().map(|row| {
        let orders = format!("{:?}", row.reaction.resting_orders).to_lowercase();
        let by = if row.configured {
            "configuration"
        } else {
            "default"
        };
        vec![
            row.kind.to_string(),
            row.reaction.level.to_string(),
            orders,
            by.to_owned(),
        ]
    });
    table(&["fault", "level", "resting orders", "by"], rows)
}

fn happened(ledger: &Ledger) -> String {
    let sections = [
        ("What happened", counts(ledger)),
        ("Orders refused here", denials(ledger)),
        ("Limits that were reached", trips(ledger)),
        ("Incidents", incidents(ledger)),
        ("Resumes", resumes(ledger)),
        ("Flattens", flattens(ledger)),
    ];
    let sections = sections.map(|(title, table)| format!("## {title}\n\n{table}"));
    sections.join("\n")
}

fn counts(ledger: &Ledger) -> String {
    let Ledger {
        runs,
        orders,
        alerts,
        reconciliations,
        ..
    } = ledger;
    let mut counts = vec![
        ("runs started", runs.started),
        ("runs ended in order", runs.ended_in_order),
        ("runs ended without a word", runs.ended_without_a_word),
        ("orders written down before they were sent", orders.intents),
        ("of these not sent", orders.not_sent),
        ("of these refused by the venue", orders.refused_by_the_venue),
        ("orders uncertain for a while", orders.uncertain),
        ("longest uncertain, ms", orders.longest_uncertain_ms),
        ("of these never arrived", orders.never_arrived),
        ("fills", orders.fills),
        ("orders of others seen", orders.foreign),
        ("reconciliations that agreed", reconciliations.agreed),
        ("that differed", reconciliations.differed),
        ("that the venue did not answer", reconciliations.failed),
        ("with other balances", reconciliations.balances_differed),
        ("critical alerts", alerts.critical),
        ("warnings", alerts.warning),
        ("other messages", alerts.info),
        ("alerts acknowledged", alerts.acknowledged),
        (
            "longest until acknowledged, ms",
            alerts.longest_until_acknowledged_ms,
        ),
        ("alerts that reached nobody", alerts.unheard),
    ];
    let delivered = alerts.delivered.iter();
    let delivered: Vec<_> = delivered
        .map(|(channel, count)| (format!("alerts taken by {channel}"), *count))
        .collect();
    counts.extend(
        delivered
            .iter()
            .map(|(what, count)| (what.as_str(), *count)),
    );
    let rows = counts.into_iter();
    let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
    table(&["", "count"], rows)
}

fn denials(ledger: &Ledger) -> String {
    let rows = ledger.denials.iter();
    let rows = rows.map(|(code, count)| vec![code.clone(), count.to_string()]);
    table(&["code", "orders"], rows)
}

fn trips(ledger: &Ledger) -> String {
    let rows = ledger.trips.iter().map(|one| {
        let trip = &one.trip;
        let who = trip.strategy.map(|id| id.to_string()).unwrap_or_default();
        vec![
            one.at.clone(),
            trip.code.clone(),
            trip.scope.to_string(),
            who,
            trip.value.clone(),
            trip.limit.clone(),
        ]
    });
    table(&["at", "code", "scope", "strategy", "value", "limit"], rows)
}

fn incidents(ledger: &Ledger) -> String {
    let rows = ledger.incidents.iter().map(|hit| {
        let stands = if hit.stands { "stands" } else { "resumed" };
        vec![
            hit.kind.to_string(),
            hit.scope.to_string(),
            hit.count.to_string(),
            hit.first.clone(),
            hit.last.clone(),
            stands.to_owned(),
            hit.detail.clone(),
        ]
    });
    let head = [
        "fault",
        "scope",
        "count",
        "first",
        "last",
        "now",
        "the first in words",
    ];
    table(&head, rows)
}

fn resumes(ledger: &Ledger) -> String {
    let rows = ledger.resumes.iter().map(|one| {
        vec![
            one.at.clone(),
            one.scope.to_string(),
            one.incidents.to_string(),
            one.reason.clone(),
        ]
    });
    table(&["at", "scope", "incidents", "by whom and why"], rows)
}

fn flattens(ledger: &Ledger) -> String {
    let rows = ledger.flattens.iter().map(|one| {
        let done = &one.flattened;
        let left = done.left.iter().map(|left| {
            let (strategy, net, symbol) = (left.strategy, left.net, left.symbol);
            format!("{strategy} {net} {symbol}: {}", left.why)
        });
        vec![
            one.at.clone(),
            done.scope.to_string(),
            done.exits.to_string(),
            left.collect::<Vec<_>>().join("; "),
        ]
    });
    table(&["at", "scope", "exits", "left"], rows)
}

fn changes(ledger: &Ledger) -> String {
    let none = || "not set".to_owned();
    let limits = ledger.limit_changes.iter().map(|one| {
        let change = &one.change;
        let way = if change.is_looser {
            "looser"
        } else {
            "tighter"
        };
        vec![
            one.at.clone(),
            change.scope.to_string(),
            change.key.clone(),
            change.old.clone().unwrap_or_else(none),
            change.new.clone().unwrap_or_else(none),
            way.to_owned(),
            change.who.clone(),
            change.reason.clone().unwrap_or_default(),
        ]
    });
    let configurations = ledger.configurations.iter().map(|one| {
        let money = if one.live {
            "real money"
        } else {
            "no real money"
        };
        vec![
            one.at.clone(),
            one.engine.clone(),
            one.configuration.clone(),
            money.to_owned(),
        ]
    });
    let head = ["at", "scope", "limit", "old", "new", "", "who", "why"];
    [
        format!("## Changes of limits\n\n{}", table(&head, limits)),
        format!(
            "## Engines and configurations\n\n{}",
            table(&["from", "engine", "configuration", ""], configurations)
        ),
    ]
    .join("\n")
}

fn drills(report: &Assessment) -> String {
    let rows = report.drills.iter().map(|drill| {
        let verdict = match drill.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::NotDone => "broken off",
        };
        let by = if drill.alone {
            "the program"
        } else {
            &drill.operator
        };
        vec![
            drill.at.clone(),
            drill.fault.kind().to_string(),
            drill.venue.clone(),
            by.to_owned(),
            verdict.to_owned(),
        ]
    });
    table(&["at", "fault", "at the", "by", "result"], rows)
}
