//! The WebSocket API: one JSON request a frame, answered with the id that it carried
//! (Binance Spot API docs, `web-socket-api.md`).

use std::rc::Rc;
use std::time::Duration;

use actix_http::ws::CloseCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tripline_engine::ids::AccountId;

use super::socket::{Incoming, Socket};
use super::ws::Life;
use crate::api::auth::Credentials;
use crate::api::operation::{Operation, Run};
use crate::api::table;
use crate::api::{Begun, Performed, Request, begin, execute, recheck, surplus};
use crate::core::Core;
use crate::faults::{Answer, Transport, damaged};
use crate::user::Session;
use crate::wire::render::TimeUnit;
use crate::wire::{ApiError, Params};

/// A request's envelope. The id is kept as it was written, so that its type comes back.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Option<Map<String, Value>>,
}

/// What an answer needs of its request.
#[derive(Clone)]
struct Reply {
    id: String,
    show_limits: bool,
    operation: Option<&'static Operation>,
    account: Option<AccountId>,
}

/// Serves a WebSocket API connection.
pub async fn run(core: Rc<Core>, socket: Rc<Socket>, unit: TimeUnit, show_limits: bool) {
    let address = socket.address();
    let session = Rc::new(Session::new(
        Rc::clone(&socket),
        address,
        unit,
        show_limits,
        core.now_us(),
    ));
    core.users.join(&session);
    let mut life = Life::new(Rc::clone(&core), Rc::clone(&socket), Transport::WsApi);
    while let Some(incoming) = life.next().await {
        match incoming {
            Incoming::Text(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => request(&core, &session, text),
                Err(_) => socket.close(CloseCode::Invalid, "Text must be UTF-8"),
            },
            Incoming::Ping(payload) => socket.pong(payload),
            Incoming::Pong(_) => {}
            Incoming::Binary => {
                socket.close(CloseCode::Unsupported, "Binary messages are not supported")
            }
            Incoming::TooLarge => socket.close(CloseCode::Size, "The message is too large"),
            Incoming::Close => socket.close(CloseCode::Normal, ""),
        }
    }
}

/// Handles one request in the present poll; only a fault makes it wait.
fn request(core: &Rc<Core>, session: &Rc<Session>, text: &str) {
    let mut reply = Reply {
        id: "null".into(),
        show_limits: session.show_limits,
        operation: None,
        account: None,
    };
    let envelope: Envelope<'_> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(_) => {
            let error = ApiError::new(
                -1135,
                "Invalid JSON Request: payload is not a valid JSON object.",
            );
            return respond(core, session, &reply, &Err(error));
        }
    };
    reply.id = envelope.id.map_or("null", RawValue::get).to_owned();
    let params = Params::from_json(&envelope.params.unwrap_or_default());
    if let Ok(Some(show)) = params.boolean("returnRateLimits") {
        reply.show_limits = show;
    }
    let method = envelope.method.unwrap_or_default();
    let Some(operation) = table::by_name(&method) else {
        let error = if table::is_unsupported(&method) {
            ApiError::unsupported(&method)
        } else {
            ApiError::new(-1000, format!("Unknown method '{method}'."))
        };
        return respond(core, session, &reply, &Err(error));
    };
    reply.operation = Some(operation);
    let logged_on = session
        .logon
        .borrow()
        .as_ref()
        .map(|logon| logon.api_key.clone());
    let request = Request {
        operation,
        params: &params,
        credentials: Credentials::Session {
            logged_on: logged_on.as_deref(),
        },
        address: session.address,
        transport: Transport::WsApi,
        unit: session.unit,
    };
    let begun = match begin(core, &request) {
        Ok(begun) => begun,
        Err(error) => return respond(core, session, &reply, &Err(error)),
    };
    reply.account = begun.account;
    if let Run::Session(method) = operation.run {
        let outcome = surplus(operation, &params)
            .and_then(|()| method(core, session, &params, core.now_us()));
        return respond(core, session, &reply, &outcome);
    }
    carry_out(core, session, &request, begun, reply);
}

fn carry_out(
    core: &Rc<Core>,
    session: &Rc<Session>,
    request: &Request<'_>,
    begun: Begun,
    reply: Reply,
) {
    let plan = begun.plan;
    if plan.before_ms > 0 {
        return later(core, session, request, begun.account, plan.before_ms, reply);
    }
    let performed = plan.execute.then(|| execute(core, request, begun.account));
    if plan.answer == Answer::EventsFirst || plan.after_ms > 0 {
        core.users.flush(core);
    }
    if plan.after_ms == 0 {
        answer(core, session, &reply, &plan.answer, performed);
        core.users.flush(core);
        return;
    }
    let (core, session) = (Rc::clone(core), Rc::clone(session));
    drop(actix_rt::spawn(async move {
        tokio::time::sleep(Duration::from_millis(plan.after_ms)).await;
        answer(&core, &session, &reply, &plan.answer, performed);
    }));
}

/// A request that reaches the engine late.
fn later(
    core: &Rc<Core>,
    session: &Rc<Session>,
    request: &Request<'_>,
    account: Option<AccountId>,
    wait_ms: u64,
    reply: Reply,
) {
    let (core, session) = (Rc::clone(core), Rc::clone(session));
    let (operation, unit, address) = (request.operation, request.unit, request.address);
    let params = request.params.clone();
    drop(actix_rt::spawn(async move {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let credentials = Credentials::Session { logged_on: None };
        let request = Request {
            operation,
            params: &params,
            credentials,
            address,
            transport: Transport::WsApi,
            unit,
        };
        let outcome =
            recheck(&core, &request).and_then(|()| execute(&core, &request, account).outcome);
        respond(&core, &session, &reply, &outcome);
        core.users.flush(&core);
    }));
}

fn answer(
    core: &Core,
    session: &Session,
    reply: &Reply,
    answer: &Answer,
    performed: Option<Performed>,
) {
    let truth = || performed.map_or_else(|| Ok("{}".into()), |one| one.outcome);
    match answer {
        Answer::Normal | Answer::EventsFirst => respond(core, session, reply, &truth()),
        Answer::Twice => {
            let text = response(core, session, reply, &truth());
            session.socket.send_text(&text);
            session.socket.send_text(&text);
        }
        Answer::Damaged { how, field } => {
            let text = response(core, session, reply, &truth());
            session
                .socket
                .send_text(&damaged(&text, *how, field.as_deref()));
        }
        Answer::Error(error) => respond(core, session, reply, &Err(error.clone())),
        Answer::Raw { status, .. } => {
            let error = ApiError::new(
                -1000,
                "An unknown error occurred while processing the request.",
            );
            respond(core, session, reply, &Err(error.with_status(*status)));
        }
        Answer::Never => {}
        Answer::Cut | Answer::Ban { .. } => session.socket.cut(),
    }
}

fn respond(core: &Core, session: &Session, reply: &Reply, outcome: &Result<String, ApiError>) {
    session
        .socket
        .send_text(&response(core, session, reply, outcome));
}

/// The response object; the result is spliced in as it is.
fn response(
    core: &Core,
    session: &Session,
    reply: &Reply,
    outcome: &Result<String, ApiError>,
) -> String {
    let mut text = match outcome {
        Ok(body) => format!(r#"{{"id":{},"status":200,"result":{body}"#, reply.id),
        Err(error) => {
            let mut body = error.body();
            if let Some(retry_at_us) = error.retry_at_us {
                let unit = session.unit;
                body["data"] = json!({"serverTime": unit.of(core.now_us()), "retryAfter": unit.of(retry_at_us)});
            }
            format!(
                r#"{{"id":{},"status":{},"error":{body}"#,
                reply.id, error.status
            )
        }
    };
    if reply.show_limits {
        text.push_str(&format!(
            r#","rateLimits":{}"#,
            rate_limits(core, session, reply)
        ));
    }
    text.push('}');
    text
}

/// The limits that the request touched.
fn rate_limits(core: &Core, session: &Session, reply: &Reply) -> Value {
    let now_us = core.now_us();
    let mut limits = core.limits.borrow_mut();
    let mut rows = Vec::with_capacity(3);
    let ordered = reply
        .operation
        .is_some_and(|operation| operation.orders > 0);
    if let Some(account) = reply.account.filter(|_| ordered) {
        rows.extend(limits.order_rows(account, now_us));
    }
    rows.push(limits.weight_row(session.address, now_us));
    rows.into()
}
