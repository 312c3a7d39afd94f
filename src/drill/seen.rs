//! Reading what the door and the practice exchange answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tripline_engine::ids::ClientOrderId;

use crate::practice::Pages;

/// Why a scope is halted.
pub(super) fn halted(scope: &Value) -> String {
    let first = &scope["incidents"][0];
    let (name, level) = (text(&scope["scope"]), text(&scope["level"]));
    let (kind, detail) = (text(&first["kind"]), text(&first["detail"]));
    format!("{name} is {level}: {kind}: {detail}")
}

/// Lifts what stands in a scope.
pub(super) fn resume(scope: &Value) -> Value {
    let incidents: Vec<_> = rows(&scope["incidents"])
        .map(|one| one["id"].clone())
        .collect();
    json!({
        "scope": scope["scope"], "epoch": scope["epoch"], "incidents": incidents,
        "reason": "a fire drill", "who": "the drill",
    })
}

/// Open orders of these strategies, by the exchange's own record.
pub(super) async fn open_at(pages: &Pages, strategies: &BTreeSet<String>) -> Result<usize, String> {
    let record = pages.get("/practice/record").await?;
    let accounts = rows(&record["accounts"]);
    let open = accounts.flat_map(|account| rows(&account["openOrders"]));
    let ours = open.filter(|order| {
        let id = ClientOrderId::new(text(&order["clientOrderId"])).ok();
        let origin = id.and_then(|id| id.origin());
        origin.is_some_and(|origin| strategies.contains(origin.strategy.as_str()))
    });
    Ok(ours.count())
}

pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn names(value: &Value) -> Vec<&str> {
    rows(value).map(text).collect()
}
