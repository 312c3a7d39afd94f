//! The inside of the door: reads a request, asks the actor whom it concerns, answers JSON.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use actix::Addr;
use actix_http::{HttpMessage, HttpService, Method, Request, Response, StatusCode};
use actix_rt::net::{ActixStream, TcpListener, UnixListener};
use actix_rt::task::JoinHandle;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_service};
use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tripline_engine::ids::{AccountId, RunId};

use super::once::{Answer, Commands};
use super::{ControlError, DoorSettings, Life, alive, halts, limits, status};
use crate::alert::{Acknowledge, AlertActor, ReadOpen};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::health::PartsCell;
use crate::safety::HaltFile;

/// A request is short.
const LONGEST: usize = 64 * 1024;

/// An actor that does not answer within this time is stuck.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// A resume reconciles first.
const RESUMED_WITHIN: Duration = Duration::from_secs(60);

/// Whom a request may concern.
#[derive(Clone)]
pub struct Desk {
    pub alerts: Addr<AlertActor>,
    pub faults: Faults,
    pub clock: Clock,
    pub run: RunId,
    pub account: AccountId,
    /// Whether real money is traded.
    pub live: bool,
    /// Empty while the engine starts.
    pub parts: PartsCell,
    pub halt_file: Option<HaltFile>,
    pub life: Life,
}

/// What all connections share.
struct Inside {
    desk: Desk,
    commands: Commands,
}

/// An open door. Dropping it closes it.
pub struct Door {
    tasks: Vec<JoinHandle<()>>,
    socket: Option<PathBuf>,
}

impl Door {
    /// Opens it on the arbiter of the caller.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn open(settings: DoorSettings, desk: Desk) -> Result<Self, ControlError> {
        let mut door = Self {
            tasks: Vec::new(),
            socket: None,
        };
        let inside = Rc::new(Inside {
            desk,
            commands: Commands::default(),
        });
        if let Some(path) = settings.socket {
            let listener = listen(&path)?;
            door.socket = Some(path);
            let inside = inside.clone();
            door.tasks.push(actix_rt::spawn(async move {
                while let Some(stream) = accepted(listener.accept().await.map(|(it, _)| it)).await {
                    actix_rt::spawn(serve(stream, inside.clone(), None));
                }
            }));
        }
        if let Some((address, token)) = settings.http {
            if !address.ip().is_loopback() {
                return Err(ControlError::NotLocal { address });
            }
            let listener = std::net::TcpListener::bind(address);
            let listener = listener.and_then(|listener| {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener)
            });
            let failed = |source| ControlError::Listen { address, source };
            let listener = listener.map_err(failed)?;
            let token = Some(Rc::new(token));
            door.tasks.push(actix_rt::spawn(async move {
                while let Some(stream) = accepted(listener.accept().await.map(|(it, _)| it)).await {
                    actix_rt::spawn(serve(stream, inside.clone(), token.clone()));
                }
            }));
        }
        Ok(door)
    }
}

impl Door {
    /// Closes it: the socket is gone when this returns, which is how an engine says that it has stopped in order.
    pub fn close(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
        if let Some(path) = self.socket.take()
            && let Err(error) = fs::remove_file(&path)
        {
            log::debug!(actor = "control"; "{} is gone already: {error}", path.display());
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}

/// The next connection; after a failure, such as too many open files, a little later.
async fn accepted<S>(accepted: std::io::Result<S>) -> Option<S> {
    match accepted {
        Ok(stream) => Some(stream),
        Err(error) => {
            log::error!(actor = "control"; "the door is closed: {error}");
            None
        }
    }
}

/// A socket that a dead engine has left is replaced; one at which an engine answers is not.
fn listen(path: &Path) -> Result<UnixListener, ControlError> {
    let failed = |source| ControlError::Socket {
        path: path.to_owned(),
        source,
    };
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => {
            return Err(ControlError::InUse {
                path: path.to_owned(),
            });
        }
        // A plain file refuses connections too, and is not ours.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused && is_socket(path) => {
            fs::remove_file(path).map_err(failed)?;
        }
        // Not there, or not a socket: then the bind says so.
        Err(_) => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    UnixListener::from_std(listener).map_err(failed)
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Serves one connection to its end.
async fn serve(
    stream: impl ActixStream + 'static,
    inside: Rc<Inside>,
    token: Option<Rc<SecretString>>,
) {
    let answer = move |request: Request| {
        let (inside, token) = (inside.clone(), token.clone());
        async move { Ok::<_, actix_http::Error>(answer(request, &inside, token.as_deref()).await) }
    };
    let factory = HttpService::build()
        .client_request_timeout(Duration::from_secs(5))
        .h1(fn_service(answer).into_factory());
    let service = factory.new_service(()).now_or_never().and_then(Result::ok);
    let Some(service) = service else {
        return; // Services made of functions are ready at once.
    };
    if let Err(error) = service.call((stream, None)).await {
        log::debug!(actor = "control"; "a connection ended: {error}");
    }
}

async fn answer(
    request: Request,
    inside: &Inside,
    token: Option<&SecretString>,
) -> Response<String> {
    if let Some(token) = token
        && !bears(&request, token)
    {
        return reply(
            StatusCode::UNAUTHORIZED,
            &json!({ "error": "the token is missing or wrong" }),
        );
    }
    let within = match request.path() {
        "/v1/resume" => RESUMED_WITHIN,
        _ => ANSWERED_WITHIN,
    };
    let (status, body) = match tokio::time::timeout(within, handle(request, inside)).await {
        Ok(answer) => answer,
        Err(_) => failed(StatusCode::GATEWAY_TIMEOUT, "the engine does not answer"),
    };
    reply(status, &body)
}

fn reply(status: StatusCode, body: &Value) -> Response<String> {
    Response::build(status)
        .content_type("application/json")
        .message_body(format!("{body}\n"))
        .unwrap_or_else(|_| {
            Response::new(StatusCode::INTERNAL_SERVER_ERROR).set_body(String::new())
        })
}

/// `Authorization: Bearer TOKEN`, compared in a time that tells nothing.
fn bears(request: &Request, token: &SecretString) -> bool {
    let given = request.headers().get("authorization");
    let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let hash = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    given.is_some_and(|given| hash(given).as_ref() == hash(token.expose_secret()).as_ref())
}

/// The table of what can be asked.
async fn handle(mut request: Request, inside: &Inside) -> Answer {
    let body = match read(&mut request).await {
        Ok(body) => body,
        Err(reason) => return failed(StatusCode::BAD_REQUEST, reason),
    };
    let desk = &inside.desk;
    match (request.method(), request.path()) {
        (&Method::GET, "/v1/status") => shown(&status::status(desk).await),
        (&Method::GET, "/v1/limits") => limits::show(desk).await,
        (&Method::GET, "/v1/alive") => alive::alive(desk),
        (&Method::GET, "/v1/alerts") => match desk.alerts.send(ReadOpen).await {
            Ok(open) => (StatusCode::OK, json!({ "open": open })),
            Err(error) => failed(StatusCode::SERVICE_UNAVAILABLE, error),
        },
        (&Method::POST, path) => match serde_json::from_slice::<Value>(&body) {
            Ok(body) => command(path, body, inside).await,
            Err(error) => failed(StatusCode::BAD_REQUEST, error),
        },
        _ => nothing_here(),
    }
}

/// What changes something. With a `command_id` it is carried out once, however often it is sent.
async fn command(path: &str, body: Value, inside: &Inside) -> Answer {
    let (desk, order) = (inside.desk.clone(), body.clone());
    let carry_out = match path {
        "/v1/alerts/ack" => acknowledge(desk, order).boxed_local(),
        "/v1/halt" => async move { halts::halt(&desk, order) }.boxed_local(),
        "/v1/flatten" => async move { halts::flatten(&desk, order) }.boxed_local(),
        "/v1/resume" => halts::resume(desk, order).boxed_local(),
        "/v1/limits" => limits::set(desk, order).boxed_local(),
        _ => return nothing_here(),
    };
    inside.commands.once(path, body, carry_out).await
}

async fn acknowledge(desk: Desk, body: Value) -> Answer {
    match serde_json::from_value::<Acknowledge>(body) {
        Ok(order) => match desk.alerts.send(order).await {
            Ok(Ok(seen)) => (StatusCode::OK, json!({ "acknowledged": seen })),
            Ok(Err(error)) => failed(StatusCode::NOT_FOUND, error),
            Err(error) => failed(StatusCode::SERVICE_UNAVAILABLE, error),
        },
        Err(error) => failed(StatusCode::BAD_REQUEST, error),
    }
}

fn shown(answer: &impl serde::Serialize) -> Answer {
    match serde_json::to_value(answer) {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn nothing_here() -> Answer {
    failed(StatusCode::NOT_FOUND, "there is nothing at this address")
}

pub(super) fn failed(status: StatusCode, error: impl ToString) -> Answer {
    (status, json!({ "error": error.to_string() }))
}

async fn read(request: &mut Request) -> Result<BytesMut, &'static str> {
    let mut payload = request.take_payload();
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| "the request broke off")?;
        if body.len() + chunk.len() > LONGEST {
            return Err("the request is too long");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
