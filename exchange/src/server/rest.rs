//! REST: an HTTP request in, an answer with the venue's headers out.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::{Payload, Request as HttpRequest, Response, StatusCode};
use bytes::BytesMut;
use futures_util::StreamExt;

use super::io::Peer;
use super::practice;
use crate::api::auth::Credentials;
use crate::api::{Performed, Request, begin, execute, recheck, table};
use crate::core::Core;
use crate::faults::{Answer, Transport, damaged};
use crate::wire::render::TimeUnit;
use crate::wire::signature::{SignedForm, signed_form};
use crate::wire::{ApiError, Params};

const MOST_BODY: usize = 1 << 20;

/// An answer without its HTTP form.
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub html: bool,
    pub retry_after_s: Option<i64>,
}

impl Reply {
    pub fn ok(body: String) -> Self {
        Self {
            status: 200,
            body,
            html: false,
            retry_after_s: None,
        }
    }

    pub fn error(error: &ApiError, now_us: i64) -> Self {
        Self {
            status: error.status,
            body: error.body().to_string(),
            html: false,
            retry_after_s: error.retry_after_s(now_us),
        }
    }
}

/// Answers one request.
pub async fn handle(
    core: Rc<Core>,
    mut request: HttpRequest,
) -> Result<Response<BoxBody>, Infallible> {
    let peer = request.conn_data::<Peer>().cloned().unwrap_or_default();
    let body = match read_body(request.take_payload()).await {
        Ok(body) => body,
        Err(error) => {
            return Ok(render(
                &core,
                &peer,
                &Reply::error(&error, core.now_us()),
                None,
            ));
        }
    };
    let path = request.path().to_owned();
    if let Some(rest) = path.strip_prefix("/practice/") {
        let reply = practice::handle(&core, request.method().as_str(), rest, &body);
        return Ok(render(&core, &peer, &reply, None));
    }
    Ok(api(&core, &peer, &request, &path, &body).await)
}

async fn read_body(mut payload: Payload) -> Result<String, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let Ok(chunk) = chunk else {
            return Err(ApiError::new(
                -1000,
                "The request's body could not be read.",
            ));
        };
        if body.len() + chunk.len() > MOST_BODY {
            return Err(ApiError::new(-1000, "The request's body is too large.").with_status(413));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body.to_vec())
        .map_err(|_| ApiError::new(-1100, "Illegal characters found in the body."))
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request
        .head()
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
}

fn not_found(verb: &str, path: &str) -> Reply {
    let (status, body) = if path.starts_with("/api/v3/userDataStream") {
        (410, r#"{"code":-1016,"msg":"This endpoint has been removed; subscribe over the WebSocket API."}"#.to_owned())
    } else if path.starts_with("/api/v3/") && table::is_unsupported(path) {
        let error = ApiError::unsupported(&format!("{verb} {path}"));
        (error.status, error.body().to_string())
    } else if table::is_known_path(path) {
        (
            405,
            r#"{"code":-1020,"msg":"This method is not supported at this path."}"#.to_owned(),
        )
    } else {
        (404, String::new())
    };
    Reply {
        status,
        body,
        html: false,
        retry_after_s: None,
    }
}

async fn api(
    core: &Rc<Core>,
    peer: &Peer,
    http: &HttpRequest,
    path: &str,
    body: &str,
) -> Response<BoxBody> {
    let verb = http.method().as_str();
    let Some(operation) = table::by_path(verb, path) else {
        return render(core, peer, &not_found(verb, path), None);
    };
    let query = http.uri().query().unwrap_or("");
    // An empty body may be announced as JSON; a body that is no form carries no parameters.
    let form = if body.starts_with('{') { "" } else { body };
    let unit = header(http, "x-mbx-time-unit").map_or(Some(TimeUnit::Millisecond), TimeUnit::parse);
    let parsed = unit
        .ok_or_else(ApiError::time_unit)
        .and_then(|unit| Params::from_form(query, form).map(|params| (unit, params)));
    let (unit, params) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return render(core, peer, &Reply::error(&error, core.now_us()), None),
    };
    let signed = if params.get("signature").is_some() {
        signed_form(query, form)
    } else {
        SignedForm::unsigned()
    };
    let request = Request {
        operation,
        params: &params,
        credentials: Credentials::Header {
            api_key: header(http, "x-mbx-apikey"),
            form: signed,
        },
        address: peer.address,
        transport: Transport::Rest,
        unit,
    };
    perform(core, peer, &request).await
}

async fn perform(core: &Rc<Core>, peer: &Peer, request: &Request<'_>) -> Response<BoxBody> {
    let begun = match begin(core, request) {
        Ok(begun) => begun,
        Err(error) => return render(core, peer, &Reply::error(&error, core.now_us()), None),
    };
    let plan = begun.plan;
    if plan.before_ms > 0 {
        tokio::time::sleep(Duration::from_millis(plan.before_ms)).await;
        if let Err(error) = recheck(core, request) {
            return render(core, peer, &Reply::error(&error, core.now_us()), None);
        }
    }
    let performed = plan.execute.then(|| execute(core, request, begun.account));
    if plan.answer == Answer::EventsFirst {
        core.users.flush(core);
    }
    if plan.after_ms > 0 {
        tokio::time::sleep(Duration::from_millis(plan.after_ms)).await;
    }
    let counted = performed
        .as_ref()
        .filter(|one| request.operation.orders > 0 && one.outcome.is_ok());
    let account = counted.and_then(|one| one.account);
    let Some(reply) = answer(core, peer, plan.answer, performed).await else {
        peer.cut();
        return Response::ok();
    };
    render(core, peer, &reply, account)
}

/// The reply that the plan wants; `None` for a connection that is to end.
async fn answer(
    core: &Core,
    peer: &Peer,
    answer: Answer,
    performed: Option<Performed>,
) -> Option<Reply> {
    let truth = || match performed.map(|one| one.outcome) {
        Some(Ok(body)) => Reply::ok(body),
        Some(Err(error)) => Reply::error(&error, core.now_us()),
        None => Reply::ok("{}".into()),
    };
    match answer {
        Answer::Normal | Answer::EventsFirst | Answer::Twice => Some(truth()),
        Answer::Damaged { how, field } => {
            let reply = truth();
            Some(Reply {
                body: damaged(&reply.body, how, field.as_deref()),
                ..reply
            })
        }
        Answer::Error(error) => Some(Reply::error(&error, core.now_us())),
        Answer::Raw { status, html } => Some(Reply {
            status,
            body: Answer::raw_body(html).to_owned(),
            html,
            retry_after_s: None,
        }),
        Answer::Never => {
            peer.closed().await;
            None
        }
        Answer::Cut | Answer::Ban { .. } => None,
    }
}

/// The HTTP response, with the weight used and, after an order, the order count.
fn render(
    core: &Core,
    peer: &Peer,
    reply: &Reply,
    account: Option<tripline_engine::ids::AccountId>,
) -> Response<BoxBody> {
    let now_us = core.now_us();
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::build(status);
    let kind = if reply.html {
        "text/html"
    } else {
        "application/json;charset=UTF-8"
    };
    let used = core.limits.borrow_mut().weight_used(peer.address, now_us);
    response
        .insert_header(("content-type", kind))
        .insert_header(("x-mbx-uuid", format!("{:08x}-practice", core.next_number())))
        .insert_header(("x-mbx-used-weight", used.to_string()))
        .insert_header(("x-mbx-used-weight-1m", used.to_string()));
    if let Some(account) = account {
        let count = core.limits.borrow_mut().order_count(account, now_us);
        response
            .insert_header(("x-mbx-order-count-10s", count.ten_seconds.to_string()))
            .insert_header(("x-mbx-order-count-1d", count.day.to_string()));
    }
    if let Some(seconds) = reply.retry_after_s {
        response.insert_header(("retry-after", seconds.to_string()));
    }
    response.body(reply.body.clone()).map_into_boxed_body()
}
