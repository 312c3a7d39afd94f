//! `POST /v1/halt` and `POST /v1/resume`: what a person orders.

use actix_http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tripline_engine::fault::{Fault, FaultKind, IncidentId};
use tripline_engine::halt::{Amiss, HaltLevel, Reaction, ResumeRefused, Scope, ScopeName};
use tripline_engine::messages::control::{RestingOrders, Resume};

use super::once::Answer;
use super::server::{Desk, failed};
use super::status::IncidentStatus;
use crate::health::Parts;
use crate::safety::ResumeOrdered;

/// The longest name and reason that are taken.
const LONGEST_WHO: usize = 64;
const LONGEST_REASON: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HaltOrder {
    scope: ScopeName,
    #[serde(default)]
    level: Option<HaltLevel>,
    #[serde(default)]
    resting_orders: Option<RestingOrders>,
    reason: String,
    who: String,
    #[serde(default, rename = "command_id")]
    _command_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResumeOrder {
    scope: ScopeName,
    incidents: Vec<IncidentId>,
    epoch: u64,
    reason: String,
    who: String,
    #[serde(default, rename = "command_id")]
    _command_id: Option<String>,
}

pub(super) fn read<T: DeserializeOwned>(body: Value) -> Result<T, Answer> {
    serde_json::from_value(body).map_err(|error| failed(StatusCode::BAD_REQUEST, error))
}

/// Who and why, as they are written down.
pub(super) fn signed(who: &str, reason: &str) -> Result<(String, String), Answer> {
    let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (who, reason) = (tidy(who), tidy(reason));
    let problem = match () {
        () if who.is_empty() => Some("'who' is empty: say who orders this".to_owned()),
        () if reason.is_empty() => Some("'reason' is empty: say why".to_owned()),
        () if who.len() > LONGEST_WHO => Some(format!("'who' is longer than {LONGEST_WHO} bytes")),
        () if reason.len() > LONGEST_REASON => {
            Some(format!("'reason' is longer than {LONGEST_REASON} bytes"))
        }
        () => None,
    };
    match problem {
        Some(problem) => Err(failed(StatusCode::BAD_REQUEST, problem)),
        None => Ok((who, reason)),
    }
}

/// The scope that is meant. One that concerns no strategy here is refused: whoever mistypes it would believe
/// that something is halted.
fn scope(desk: &Desk, name: ScopeName) -> Result<Scope, Answer> {
    let starting = || {
        failed(
            StatusCode::SERVICE_UNAVAILABLE,
            "the engine is still starting",
        )
    };
    match (name, desk.parts.get()) {
        (ScopeName::All, _) => Ok(Scope::Global),
        (ScopeName::Account, _) => Ok(Scope::Account(desk.account)),
        (_, None) => Err(starting()),
        (name, Some(parts)) => {
            let scope = name.scope(desk.account, parts.venue);
            match parts.members.iter().any(|member| member.is_in(&scope)) {
                true => Ok(scope),
                false => Err(nobody(name, parts)),
            }
        }
    }
}

fn nobody(name: ScopeName, parts: &Parts) -> Answer {
    let here = parts.members.iter();
    let here: Vec<_> = here.map(|member| member.strategy.to_string()).collect();
    let error = format!(
        "{name} concerns no strategy; there are: {}",
        here.join(", ")
    );
    failed(StatusCode::NOT_FOUND, error)
}

/// Halts. The latch is set when this returns.
pub(super) fn halt(desk: &Desk, body: Value) -> Answer {
    ordered(desk, body).unwrap_or_else(|refused| refused)
}

fn ordered(desk: &Desk, body: Value) -> Result<Answer, Answer> {
    let order: HaltOrder = read(body)?;
    let (who, reason) = signed(&order.who, &order.reason)?;
    let scope = scope(desk, order.scope)?;
    let usual = desk.faults.policy().reaction(FaultKind::Manual);
    let reaction = Reaction::new(
        order.level.unwrap_or(usual.level),
        order.resting_orders.unwrap_or(usual.resting_orders),
    );
    if reaction.level == HaltLevel::Active {
        let error = "the level 'active' halts nothing: give 'reduce_only' or 'halted'";
        return Err(failed(StatusCode::BAD_REQUEST, error));
    }
    if reaction.resting_orders == RestingOrders::Flatten && !reaction.flattens() {
        let error = "to flatten needs the level 'halted'";
        return Err(failed(StatusCode::BAD_REQUEST, error));
    }
    let fault = Fault {
        kind: FaultKind::Manual,
        scope,
        actor: format!("operator {who}"),
        detail: reason,
        at: desk.clock.now(),
    };
    let incident = desk.faults.raise_as(fault, reaction);
    let standing = desk.faults.board().standing(&scope).unwrap_or_default();
    let said = json!({
        "scope": ScopeName::from(scope),
        "level": standing.level,
        "epoch": standing.epoch,
        "incident": IncidentStatus::from(&incident),
    });
    Ok((StatusCode::OK, json!({ "version": 1, "halted": said })))
}

/// Halts, cancels and takes the strategies out of their positions. The latch is set when this returns.
pub(super) fn flatten(desk: &Desk, mut body: Value) -> Answer {
    let flatten = [("level", "halted"), ("resting_orders", "flatten")];
    for (key, value) in flatten {
        if body.get(key).is_some() {
            let error = format!("unknown field '{key}': a flatten halts, cancels and exits");
            return failed(StatusCode::BAD_REQUEST, error);
        }
        if let Some(order) = body.as_object_mut() {
            order.insert(key.into(), value.into());
        }
    }
    halt(desk, body)
}

/// Lifts a halt, once the gate has let the resume through.
pub(super) async fn resume(desk: Desk, body: Value) -> Answer {
    resumed(&desk, body).await.unwrap_or_else(|refused| refused)
}

async fn resumed(desk: &Desk, body: Value) -> Result<Answer, Answer> {
    let order: ResumeOrder = read(body)?;
    let (who, reason) = signed(&order.who, &order.reason)?;
    let Some(parts) = desk.parts.get() else {
        return Err(failed(
            StatusCode::SERVICE_UNAVAILABLE,
            "the engine is still starting",
        ));
    };
    let resume = Resume {
        scope: order.scope.scope(desk.account, parts.venue),
        incidents: order.incidents,
        epoch: order.epoch,
        reason,
        who,
    };
    let answer = parts.safety.send(ResumeOrdered(resume)).await;
    let scope = order.scope;
    match answer {
        Ok(Ok(())) => {
            let said = json!({ "version": 1, "resumed": { "scope": scope } });
            Ok((StatusCode::OK, said))
        }
        Ok(Err(refused)) => {
            let amiss = match &refused {
                ResumeRefused::NotInOrder { amiss, .. } => {
                    amiss.iter().map(Amiss::as_str).collect()
                }
                _ => Vec::new(),
            };
            let said = json!({
                "error": refused.to_string(),
                "refused": refusal(&refused),
                "amiss": amiss,
                "scope": scope,
            });
            Err((StatusCode::CONFLICT, said))
        }
        Err(error) => Err(failed(StatusCode::SERVICE_UNAVAILABLE, error)),
    }
}

/// The stable word of a refusal.
const fn refusal(refused: &ResumeRefused) -> &'static str {
    match refused {
        ResumeRefused::NotHalted { .. } => "not_halted",
        ResumeRefused::OtherEpoch { .. } => "other_epoch",
        ResumeRefused::NotNamed { .. } => "not_named",
        ResumeRefused::NoReason => "no_reason",
        ResumeRefused::NotReconciled { .. } => "not_reconciled",
        ResumeRefused::NotInOrder { .. } => "not_in_order",
        ResumeRefused::HaltFile { .. } => "halt_file",
        ResumeRefused::NoAnswer { .. } => "no_answer",
    }
}
