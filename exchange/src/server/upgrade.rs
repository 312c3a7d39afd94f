//! From an HTTP request to a WebSocket: which door, with which options, and when it stays shut.

use std::convert::Infallible;
use std::rc::Rc;

use actix_codec::Framed;
use actix_http::body::BodySize;
use actix_http::{Request, Response, StatusCode, h1, ws};
use futures_util::SinkExt;

use super::io::Io;
use super::socket::Socket;
use super::{ws as stream_socket, ws_api};
use crate::core::Core;
use crate::faults::{Kind, Transport};
use crate::wire::render::TimeUnit;
use crate::wire::{ApiError, Params};

/// Where a path leads.
enum Door {
    /// `/ws`, `/ws/<streams>`, `/stream?streams=`.
    Streams {
        combined: bool,
        names: Vec<String>,
    },
    Api,
}

fn door(path: &str, params: &Params) -> Option<Door> {
    let split = |text: &str| {
        text.split('/')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    match path.trim_end_matches('/') {
        "/ws-api/v3" => Some(Door::Api),
        "/ws" => Some(Door::Streams {
            combined: false,
            names: Vec::new(),
        }),
        "/stream" => Some(Door::Streams {
            combined: true,
            names: split(params.get("streams").unwrap_or_default()),
        }),
        other => {
            let names = other.strip_prefix("/ws/")?;
            let decoded = percent_encoding::percent_decode_str(names)
                .decode_utf8()
                .ok()?;
            Some(Door::Streams {
                combined: false,
                names: split(&decoded),
            })
        }
    }
}

/// Answers one upgrade request and, if it is granted, serves the WebSocket to its end.
pub async fn handle(
    core: Rc<Core>,
    request: Request,
    framed: Framed<Io, h1::Codec>,
) -> Result<(), Infallible> {
    let params = Params::from_form(request.uri().query().unwrap_or(""), "").unwrap_or_default();
    let Some(door) = door(request.path(), &params) else {
        refuse(framed, 404, None).await;
        return Ok(());
    };
    let unit = params
        .get("timeUnit")
        .map_or(Some(TimeUnit::Millisecond), TimeUnit::parse);
    let Some(unit) = unit else {
        refuse(
            framed,
            400,
            Some(r#"{"code":-1194,"msg":"Invalid value for time unit."}"#.into()),
        )
        .await;
        return Ok(());
    };
    if let Err((status, body)) = admit(&core, &framed, &door) {
        refuse(framed, status, body).await;
        return Ok(());
    }
    let Some(socket) = accept(&request, framed).await else {
        return Ok(());
    };
    match door {
        Door::Streams { combined, names } => {
            stream_socket::run(core, socket, combined, unit, &names).await
        }
        Door::Api => {
            let show_limits = params
                .boolean("returnRateLimits")
                .ok()
                .flatten()
                .unwrap_or(true);
            ws_api::run(core, socket, unit, show_limits).await;
        }
    }
    Ok(())
}

/// Connection limits and the faults that keep clients out.
fn admit(
    core: &Core,
    framed: &Framed<Io, h1::Codec>,
    door: &Door,
) -> Result<(), (u16, Option<String>)> {
    let now_us = core.now_us();
    let address = framed.io_ref().peer.address;
    let transport = if matches!(door, Door::Api) {
        Transport::WsApi
    } else {
        Transport::Stream
    };
    let faults = core.faults.borrow();
    let steady_us = core.clock.steady_us();
    let shut = faults
        .standing(Kind::RefuseConnections, steady_us)
        .find(|fault| fault.transport.is_none_or(|wanted| wanted == transport));
    if let Some(fault) = shut {
        return Err((fault.status.unwrap_or(503), None));
    }
    let is_down = || {
        faults
            .standing(Kind::UserDataDown, steady_us)
            .next()
            .is_some()
    };
    if transport == Transport::WsApi && is_down() {
        return Err((503, None));
    }
    let mut limits = core.limits.borrow_mut();
    let weight = if transport == Transport::WsApi { 2 } else { 0 };
    let charged = limits
        .connect(address, now_us)
        .and_then(|()| limits.charge(address, weight, now_us));
    charged.map_err(|error: ApiError| (error.status, Some(error.body().to_string())))
}

async fn refuse(mut framed: Framed<Io, h1::Codec>, status: u16, body: Option<String>) {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let body = body.unwrap_or_default();
    let head = Response::build(status)
        .insert_header(("connection", "close"))
        .finish()
        .drop_body();
    let size = BodySize::Sized(body.len() as u64);
    let sent = async {
        framed.send(h1::Message::Item((head, size))).await?;
        if !body.is_empty() {
            framed.send(h1::Message::Chunk(Some(body.into()))).await?;
        }
        framed.send(h1::Message::Chunk(None)).await?;
        framed.close().await
    };
    if let Err(error) = sent.await {
        log::debug!("a refusal could not be sent: {error}");
    }
}

/// The WebSocket handshake; compression is never agreed to.
async fn accept(request: &Request, mut framed: Framed<Io, h1::Codec>) -> Option<Rc<Socket>> {
    let mut response = match ws::handshake(request.head()) {
        Ok(response) => response,
        Err(error) => {
            log::debug!("no WebSocket handshake at {}: {error}", request.path());
            refuse(framed, 400, None).await;
            return None;
        }
    };
    let head = response.finish().drop_body();
    if let Err(error) = framed.send(h1::Message::Item((head, BodySize::None))).await {
        log::debug!("a WebSocket handshake could not be answered: {error}");
        return None;
    }
    let parts = framed.into_parts();
    Some(Socket::new(parts.io, parts.read_buf))
}
