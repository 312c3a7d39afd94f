//! The WebSocket API methods that belong to the connection: session and user-data subscription
//! (Binance Spot API docs, "Session Authentication" and "User Data Stream requests").

use std::rc::Rc;

use serde_json::json;

use super::session::{Logon, Session};
use crate::api::auth::{check_timing, signed};
use crate::core::Core;
use crate::wire::{ApiError, Params};

fn state(session: &Session, now_us: i64) -> String {
    let logon = session.logon.borrow();
    let unit = session.unit;
    let body = json!({
        "apiKey": logon.as_ref().map(|logon| logon.api_key.clone()),
        "authorizedSince": logon.as_ref().map(|logon| unit.of(logon.since_us)),
        "connectedSince": unit.of(session.connected_us),
        "returnRateLimits": session.show_limits,
        "serverTime": unit.of(now_us),
        "userDataStream": session.has_subscriptions(),
    });
    body.to_string()
}

/// `session.logon`: only Ed25519 keys may.
pub fn log_on(
    core: &Rc<Core>,
    session: &Rc<Session>,
    params: &Params,
    now_us: i64,
) -> Result<String, ApiError> {
    let api_key = params.required("apiKey")?;
    let key = signed(core, params, api_key)?;
    check_timing(params, now_us)?;
    if !key.verifier.can_log_on() {
        return Err(ApiError::new(
            -4056,
            "HMAC_SHA256 API key is not supported.",
        ));
    }
    let logon = Logon {
        api_key: api_key.to_owned(),
        account: key.account,
        since_us: now_us,
    };
    *session.logon.borrow_mut() = Some(logon);
    Ok(state(session, now_us))
}

pub fn status(
    _: &Rc<Core>,
    session: &Rc<Session>,
    _: &Params,
    now_us: i64,
) -> Result<String, ApiError> {
    Ok(state(session, now_us))
}

pub fn log_out(
    core: &Rc<Core>,
    session: &Rc<Session>,
    _: &Params,
    now_us: i64,
) -> Result<String, ApiError> {
    session.end_subscriptions(core, |subscription| subscription.by_logon);
    *session.logon.borrow_mut() = None;
    Ok(state(session, now_us))
}

pub fn subscriptions(
    _: &Rc<Core>,
    session: &Rc<Session>,
    _: &Params,
    _: i64,
) -> Result<String, ApiError> {
    Ok(session.list().to_string())
}

pub fn subscribe(
    _: &Rc<Core>,
    session: &Rc<Session>,
    _: &Params,
    _: i64,
) -> Result<String, ApiError> {
    let account = session.logon.borrow().as_ref().map(|logon| logon.account);
    let account = account.ok_or_else(ApiError::key_refused)?;
    let id = session.subscribe(account, true)?;
    Ok(json!({"subscriptionId": id}).to_string())
}

pub fn subscribe_signed(
    core: &Rc<Core>,
    session: &Rc<Session>,
    params: &Params,
    now_us: i64,
) -> Result<String, ApiError> {
    let key = signed(core, params, params.required("apiKey")?)?;
    check_timing(params, now_us)?;
    let id = session.subscribe(key.account, false)?;
    Ok(json!({"subscriptionId": id}).to_string())
}

pub fn unsubscribe(
    core: &Rc<Core>,
    session: &Rc<Session>,
    params: &Params,
    _: i64,
) -> Result<String, ApiError> {
    let id = params.integer("subscriptionId")?;
    if id.is_some_and(|id| !session.is_subscribed(id)) {
        return Err(ApiError::new(
            -2036,
            "User Data Stream subscription not active.",
        ));
    }
    session.unsubscribe(core, id);
    Ok("{}".into())
}
