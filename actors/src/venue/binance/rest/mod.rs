//! Binance Spot over REST.
//!
//! Every request goes one way: limits, time stamp and signature, [`Http`], limits again from the
//! answer's headers, and then either its body or a sorted error.

mod market;
mod orders;
#[cfg(test)]
mod tests;
mod warm;

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, ready};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_codec::{AsyncRead, AsyncWrite};
use actix_rt::net::ActixStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use awc::http::{Method, StatusCode, Uri};
use secrecy::ExposeSecret;
use thiserror::Error;
use tripline_engine::halt::Gate;
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::ports::{self, VenueError};

use super::error::{RequestKind, classify_body, classify_exchange, fragment, unreadable};
use super::http::{Http, Request, Sent};
use super::invariant;
use super::limits::Limits;
use super::settings::{ApiCredentials, BinanceSettings, Bounds, SettingsError};
use super::sign::{Query, SignError, Signer};
use super::wire::decode::{DecodeError, text_of};
use super::wire::time::TimeUnit;
use crate::clock::Clock;
use crate::http::{Answer, HttpError, over_tcp, tls_config};

pub use orders::ReplaceOutcome;
pub use warm::Warmth;

/// Why there is no REST client.
#[derive(Debug, Error)]
pub enum RestError {
    #[error("binance settings: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingsError>),
    #[error("binance credentials: {0}")]
    Sign(#[from] SignError),
    #[error("binance credentials: the API key holds characters that a header cannot carry")]
    ApiKey,
    #[error("binance TLS: {0}")]
    Tls(#[from] HttpError),
}

struct Auth {
    api_key: HeaderValue,
    signer: Signer,
}

impl Auth {
    fn new(settings: &BinanceSettings, credentials: &ApiCredentials) -> Result<Self, RestError> {
        let key = credentials.api_key.expose_secret().trim();
        let mut api_key = HeaderValue::from_str(key).map_err(|_| RestError::ApiKey)?;
        api_key.set_sensitive(true);
        let signer = Signer::new(settings.key_kind, &credentials.secret)?;
        Ok(Self { api_key, signer })
    }
}

struct Inner {
    http: Http,
    auth: Option<Auth>,
    limits: Limits,
    clock: Clock,
    bounds: Bounds,
    time_unit: TimeUnit,
    /// Why the last of the pings that keep a connection warm was not answered.
    cold: RefCell<Option<VenueError>>,
}

/// One account's REST client, or one for public data. Cloning shares its connections.
#[derive(Clone)]
pub struct RestClient(Rc<Inner>);

impl fmt::Debug for RestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RestClient({:?})", self.0.http)
    }
}

/// What part of the request weight a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Budget {
    /// All of it, and over it: cancels are never held back here.
    Free,
    /// All of it.
    Query,
    /// What is not reserved.
    Read,
}

/// One request before it is signed.
#[derive(Debug)]
struct Call {
    method: Method,
    path: &'static str,
    query: Query,
    signed: bool,
    kind: RequestKind,
    budget: Budget,
    /// Binance's weight; of order-changing requests what a failed one costs.
    weight: u64,
}

impl Call {
    fn public(path: &'static str, weight: u64, query: Query) -> Self {
        let (method, kind, budget) = (Method::GET, RequestKind::Read, Budget::Read);
        Self {
            method,
            path,
            query,
            signed: false,
            kind,
            budget,
            weight,
        }
    }

    fn query(path: &'static str, weight: u64, query: Query) -> Self {
        Self {
            signed: true,
            budget: Budget::Query,
            ..Self::public(path, weight, query)
        }
    }

    fn change(method: Method, path: &'static str, query: Query) -> Self {
        let (kind, budget) = (RequestKind::OrderChanging, Budget::Free);
        Self {
            method,
            path,
            query,
            signed: true,
            kind,
            budget,
            weight: 0,
        }
    }
}

impl RestClient {
    /// A client over TCP. Without credentials it serves public data only.
    ///
    /// # Errors
    /// [`RestError`] when the settings, the credentials or the CA file cannot be used.
    pub fn new(
        settings: &BinanceSettings,
        credentials: Option<&ApiCredentials>,
        limits: Limits,
        clock: Clock,
    ) -> Result<Self, RestError> {
        Self::over(over_tcp(), settings, credentials, limits, clock)
    }

    /// A client over connections that `connector` opens, such as in-memory pipes in a simulation.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn over<S, Io>(
        connector: S,
        settings: &BinanceSettings,
        credentials: Option<&ApiCredentials>,
        limits: Limits,
        clock: Clock,
    ) -> Result<Self, RestError>
    where
        Io: ActixStream + AsyncRead + AsyncWrite + fmt::Debug + 'static,
        S: Service<ConnectInfo<Uri>, Response = Connection<Uri, Io>, Error = ConnectError>
            + Clone
            + 'static,
    {
        let endpoints = settings.endpoints().map_err(RestError::Settings)?;
        let tls = tls_config(settings.extra_ca_file.as_deref())?;
        let auth = credentials
            .map(|credentials| Auth::new(settings, credentials))
            .transpose()?;
        Ok(Self(Rc::new(Inner {
            http: Http::over(connector, &endpoints.rest, tls, &settings.bounds),
            auth,
            limits,
            clock,
            bounds: settings.bounds,
            time_unit: settings.time_unit,
            cold: RefCell::default(),
        })))
    }

    /// The limits that this client shares.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Sends what is read only for its headers and its connection: keeps one warm (weight 1).
    ///
    /// # Errors
    /// Any [`VenueError`] of a read.
    pub async fn ping(&self) -> Result<(), VenueError> {
        self.ask(Call::public("/api/v3/ping", 1, Query::new()))
            .await
            .map(drop)
    }

    /// Time stamp and signature.
    fn request(&self, call: Call) -> Result<Request, VenueError> {
        let Call {
            method,
            path,
            mut query,
            signed,
            ..
        } = call;
        let mut api_key = None;
        if signed {
            let Some(auth) = &self.0.auth else {
                let text = format!("{path} needs an API key, and none is configured");
                return Err(VenueError::Authentication { code: 0, text });
            };
            query.add("recvWindow", &self.0.bounds.recv_window_ms.to_string());
            query.add(
                "timestamp",
                &self.0.clock.venue_now().as_millis().to_string(),
            );
            auth.signer.sign_query(&mut query);
            api_key = Some(auth.api_key.clone());
        }
        Ok(Request {
            method,
            path,
            query,
            api_key,
            time_unit: self.0.time_unit,
        })
    }

    /// Sends, and gives the body of a success.
    async fn ask(&self, call: Call) -> Result<String, VenueError> {
        let (now, kind, weight) = (self.0.clock.venue_now(), call.kind, call.weight);
        match call.budget {
            Budget::Free => {}
            Budget::Query => self.0.limits.may_query(now, weight)?,
            Budget::Read => self.0.limits.may_read(now, weight)?,
        }
        self.0.limits.spend(now, weight);
        let request = self.request(call)?;
        let sent = match kind {
            RequestKind::Read => self.0.http.read(request).await,
            RequestKind::OrderChanging => self.0.http.change(request, None).await,
        };
        self.answered(kind, sent)
    }

    /// Learns from the answer's headers, and sorts it.
    fn answered(&self, kind: RequestKind, sent: Sent) -> Result<String, VenueError> {
        let waited = self.0.bounds.request_timeout();
        let answer = match sent {
            Sent::Answered(answer) => answer,
            Sent::Held(level) => return Err(VenueError::Network(format!("not sent: {level}"))),
            Sent::NotSent(error) => {
                return Err(VenueError::Network(super::error::not_sent(&error)));
            }
            Sent::Failed(error) => return Err(classify_exchange(kind, &error, waited)),
        };
        self.learn(&answer.headers);
        let Answer {
            status,
            headers,
            body,
        } = answer;
        if status == StatusCode::OK {
            let text = text_of("answer", &body).map_err(|error| undecoded(kind, &error))?;
            return match (text.trim_start().starts_with(['{', '[']), kind) {
                (false, RequestKind::Read) => Err(VenueError::NotJson {
                    status: 200,
                    fragment: fragment(text),
                }),
                _ => Ok(text.to_owned()),
            };
        }
        let error = classify_body(kind, status.as_u16(), &body, retry_after(&headers));
        self.0.limits.refused(
            &error,
            super::error::code_of(&body),
            self.0.clock.venue_now(),
        );
        Err(error)
    }

    fn learn(&self, headers: &HeaderMap) {
        let now = self.0.clock.venue_now();
        for (name, value) in headers {
            if let Ok(value) = value.to_str() {
                self.0.limits.learn_header(name.as_str(), value, now);
            }
        }
    }

    /// Sends an order behind a gate; what is said of it otherwise is said by [`Self::answered`].
    async fn hand_over(
        &self,
        call: Call,
        order: &PlaceOrder,
        gate: Gate,
    ) -> Result<Sent, VenueError> {
        let now = self.0.clock.venue_now();
        self.0.limits.may_place(now)?;
        let request = self.request(call)?;
        invariant::in_query(request.query.as_str(), order)?;
        let in_flight = self.0.limits.order_sent(now);
        let sent = self.0.http.change(request, Some(gate)).await;
        drop(in_flight); // Before the answer's counts are learnt, which hold it.
        Ok(sent)
    }
}

/// `Retry-After` in seconds, the only form that Binance uses.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// A body that cannot be read.
fn undecoded(kind: RequestKind, error: &DecodeError) -> VenueError {
    unreadable(kind, error.what, &error.reason.to_string(), &error.fragment)
}

/// Polls once now, so that the request is written before this returns where the socket takes it. The
/// answer is polled again by whoever awaits it, and only that poll's waker counts.
fn started<T: 'static>(future: impl Future<Output = T> + 'static) -> ports::Answer<T> {
    let mut future: ports::Answer<T> = Box::pin(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => Box::pin(ready(value)),
        Poll::Pending => future,
    }
}
