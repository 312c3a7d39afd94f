//! `GET /v1/limits` and `POST /v1/limits`: what every order is held against, and a change of it.

use actix_http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tripline_engine::desk::{LimitOrder, LimitRefused};
use tripline_engine::risk::{LimitScope, Limits, RiskLimits};

use super::halts::{read, signed};
use super::once::Answer;
use super::server::{Desk, failed};
use crate::gateway::{ReadLimits, SetLimit};
use crate::health::Parts;

/// The version of the answers.
const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    scope: LimitScope,
    key: String,
    /// As the configuration writes it; `null` takes the limit away, which nobody does by leaving it out.
    #[serde(deserialize_with = "Deserialize::deserialize")]
    value: Option<String>,
    who: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default, rename = "command_id")]
    _command_id: Option<String>,
}

fn parts(desk: &Desk) -> Result<&Parts, Answer> {
    let starting = || {
        let error = "the engine is still starting";
        failed(StatusCode::SERVICE_UNAVAILABLE, error)
    };
    desk.parts.get().ok_or_else(starting)
}

/// Every limit that is set, and what is used of them.
pub(super) async fn show(desk: &Desk) -> Answer {
    let parts = match parts(desk) {
        Ok(parts) => parts,
        Err(refused) => return refused,
    };
    match parts.limits.send(ReadLimits).await {
        Ok(shown) => {
            let said = json!({
                "version": VERSION,
                "limits": rows(&shown.limits),
                "usage": shown.usage,
            });
            (StatusCode::OK, said)
        }
        Err(error) => failed(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

fn rows(limits: &RiskLimits) -> Vec<Value> {
    let scopes = limits.scopes().into_iter();
    let of_scope = |scope: LimitScope| {
        let set = limits.of(&scope);
        let values = Limits::KEYS.iter().filter_map(move |key| {
            let value = set?.get(key)?;
            Some(json!({ "scope": scope, "key": key, "value": value }))
        });
        values.collect::<Vec<_>>()
    };
    scopes.flat_map(of_scope).collect()
}

/// Changes one limit.
pub(super) async fn set(desk: Desk, body: Value) -> Answer {
    changed(&desk, body).await.unwrap_or_else(|refused| refused)
}

async fn changed(desk: &Desk, body: Value) -> Result<Answer, Answer> {
    let order: Order = read(body)?;
    let given = order.reason.filter(|reason| !reason.trim().is_empty());
    let (who, reason) = signed(&order.who, given.as_deref().unwrap_or("none given"))?;
    let order = LimitOrder {
        scope: order.scope,
        key: order.key,
        value: order.value,
        who,
        reason: given.map(|_| reason),
    };
    match parts(desk)?.set_limit.send(SetLimit(order)).await {
        Ok(Ok(set)) => Ok((StatusCode::OK, json!({ "version": VERSION, "set": set }))),
        Ok(Err(refused)) => {
            let (status, word) = match refused {
                LimitRefused::NoReason { .. } => (StatusCode::CONFLICT, "no_reason"),
                LimitRefused::UnknownStrategy(_) => (StatusCode::NOT_FOUND, "unknown_strategy"),
                LimitRefused::UnknownInstrument(_) => (StatusCode::NOT_FOUND, "unknown_instrument"),
                LimitRefused::Limit(_) => (StatusCode::BAD_REQUEST, "invalid"),
            };
            Err((
                status,
                json!({ "error": refused.to_string(), "refused": word }),
            ))
        }
        Err(error) => Err(failed(StatusCode::SERVICE_UNAVAILABLE, error)),
    }
}
