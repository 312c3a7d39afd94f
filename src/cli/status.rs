//! `tripline status`: how a running engine stands.

use clap::Args;
use serde_json::Value;
use tripline_actors::control::Asked;

use super::exit::{Exit, Failure};
use super::output;
use super::place::{Place, SOON};

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    place: Place,
}

pub(super) fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let status = args.place.ask(Asked::Get("/v1/status"), SOON)?;
    output::print(&match args.place.json {
        true => format!("{status}\n"),
        false => as_text(&status),
    })?;
    Ok(match text(&status, "level") {
        "active" => Exit::Done,
        _ => Exit::Halted,
    })
}

pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

pub(super) fn rows<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

fn as_text(status: &Value) -> String {
    let money = match status["live"].as_bool() {
        Some(true) => "REAL MONEY",
        _ => "no real money",
    };
    let mut lines = vec![format!(
        "account {} at {}, {money}, run {}: {}",
        text(status, "account"),
        status["venue"]
            .as_str()
            .unwrap_or("a venue it is connecting to"),
        text(status, "run"),
        level_of(status),
    )];
    lines.extend(rows(status, "scopes").flat_map(scope));
    lines.extend(rows(status, "strategies").map(strategy));
    lines.extend(rows(status, "instruments").map(instrument));
    lines.extend(conditions(status));
    lines.push(String::new());
    lines.join("\n")
}

/// `reduce-only`, as people read it.
fn level_of(value: &Value) -> String {
    value["level"].as_str().unwrap_or("gone").replace('_', "-")
}

/// A scope that is not active, with what stands.
pub(super) fn scope(scope: &Value) -> Vec<String> {
    let activity = scope["activity"].as_str();
    let activity = activity.map(|activity| format!(", {activity}"));
    let mut lines = vec![format!(
        "{} is {}{} (epoch {}):",
        text(scope, "scope"),
        level_of(scope),
        activity.unwrap_or_default(),
        scope["epoch"]
    )];
    lines.extend(rows(scope, "incidents").map(|incident| {
        format!(
            "  #{} {} {} by {}: {}",
            incident["id"],
            text(incident, "at"),
            text(incident, "kind"),
            text(incident, "actor"),
            text(incident, "detail")
        )
    }));
    let flatten = &scope["flatten"];
    lines.extend(rows(flatten, "left").map(|left| {
        format!(
            "  {} holds {} {}: {}",
            text(left, "strategy"),
            text(left, "net"),
            text(left, "symbol"),
            text(left, "why")
        )
    }));
    lines
}

fn strategy(strategy: &Value) -> String {
    let mut parts = vec![level_of(strategy)];
    parts.extend(strategy["activity"].as_str().map(ToOwned::to_owned));
    if strategy["ready"] == false {
        parts.push("not ready".into());
    }
    if let Some(open) = strategy["open_orders"].as_u64() {
        parts.push(format!("{open} orders open"));
    }
    if let Some(uncertain @ 1..) = strategy["uncertain_orders"].as_u64() {
        parts.push(format!("{uncertain} UNCERTAIN"));
    }
    parts.extend(
        rows(strategy, "positions")
            .map(|held| format!("{} {}", text(held, "net"), text(held, "symbol"))),
    );
    format!("strategy {}: {}", text(strategy, "id"), parts.join(", "))
}

fn instrument(instrument: &Value) -> String {
    let book = match text(instrument, "book") {
        "none" => String::new(),
        book => format!(", book {book}"),
    };
    let fresh = match instrument["fresh"].as_bool() {
        Some(true) => "fresh",
        _ => "NOT FRESH",
    };
    format!(
        "{}: data {fresh}, {} ms old{book}",
        text(instrument, "symbol"),
        instrument["data_age_ms"]
    )
}

/// What keeps orders from being placed beside the halts.
fn conditions(status: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let orders = &status["orders"];
    if status["answers"] == false {
        lines.push(match status["started"].as_bool() {
            Some(true) => "the trading side DOES NOT ANSWER".to_owned(),
            _ => "it is starting".to_owned(),
        });
    }
    if let Some(why) = orders["unready"].as_str() {
        lines.push(format!("no order can be handed over: {why}"));
    }
    if orders["private_stream_live"] == false {
        lines.push("the private stream is not live".into());
    }
    if status["clock"]["good"] == false {
        lines.push(format!(
            "the clock is off: the venue's is {} ms ahead",
            status["clock"]["offset_ms"]
        ));
    }
    if let Some(why) = status["journal"]["why"].as_str() {
        lines.push(format!("the journal has failed: {why}"));
    }
    if status["halt_file"]["exists"] == true {
        lines.push(format!(
            "{} is there: nothing is resumed until it is removed",
            text(&status["halt_file"], "path")
        ));
    }
    let works: Vec<_> = rows(status, "works").filter_map(Value::as_str).collect();
    lines.push(match works.as_slice() {
        [] => "no strategy can place orders".to_owned(),
        works => format!("able to place orders: {}", works.join(", ")),
    });
    lines
}
