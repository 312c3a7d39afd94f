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
        refuse(framed, Refused::with(404)).await;
        return Ok(());
    };
    let unit = params
        .get("timeUnit")
        .map_or(Some(TimeUnit::Millisecond), TimeUnit::parse);
    let Some(unit) = unit else {
        let error = ApiError::time_unit();
        refuse(framed, Refused::of(&error, core.now_us())).await;
        return Ok(());
    };
    if let Err(refused) = admit(&core, &framed, &door) {
        refuse(framed, refused).await;
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
fn admit(core: &Core, framed: &Framed<Io, h1::Codec>, door: &Door) -> Result<(), Refused> {
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
        return Err(Refused::with(fault.status.unwrap_or(503)));
    }
    let is_down = || {
        faults
            .standing(Kind::UserDataDown, steady_us)
            .next()
            .is_some()
    };
    if transport == Transport::WsApi && is_down() {
        return Err(Refused::with(503));
    }
    let mut limits = core.limits.borrow_mut();
    let weight = if transport == Transport::WsApi { 2 } else { 0 };
    let charged = limits
        .connect(address, now_us)
        .and_then(|()| limits.charge(address, weight, now_us));
    charged.map_err(|error| Refused::of(&error, now_us))
}

/// A handshake's answer that is none.
struct Refused {
    status: u16,
    body: String,
    retry_after_s: Option<i64>,
}

impl Refused {
    fn with(status: u16) -> Self {
        Self {
            status,
            body: String::new(),
            retry_after_s: None,
        }
    }

    fn of(error: &ApiError, now_us: i64) -> Self {
        Self {
            status: error.status,
            body: error.body().to_string(),
            retry_after_s: error.retry_after_s(now_us),
        }
    }
}

async fn refuse(mut framed: Framed<Io, h1::Codec>, refused: Refused) {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let body = refused.body;
    let mut response = Response::build(status);
    response.force_close();
    if let Some(seconds) = refused.retry_after_s {
        response.insert_header(("retry-after", seconds.to_string()));
    }
    let head = response.finish().drop_body();
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
            refuse(framed, Refused::with(400)).await;
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
