//! What the tests of the channels share: an alert, and real HTTP receivers on the loopback interface.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::time::Timestamp;

use super::channels::{Make, webhook};
use super::{Channel, ChannelError, Http, Rate, Rendered, SecretSource, Voice};

pub fn alert(severity: Severity, title: &str) -> Alert {
    Alert::new(severity, title, Timestamp::from_millis(1_767_225_600_000))
}

pub fn rendered(severity: Severity, title: &str) -> Rendered {
    let alerts = vec![alert(severity, title).into()];
    Rendered::of("ref-1".into(), alerts, 0, &Voice::default()).unwrap()
}

pub fn http() -> Http {
    Http::new(None).unwrap()
}

/// A secret in a private file. The file stays: it is in the system's folder for such things.
pub fn secret(text: &str) -> SecretSource {
    use std::os::unix::fs::OpenOptionsExt;
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("tripline-alert-secret-{}-{count}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    file.open(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    SecretSource::File(path)
}

/// A webhook to a receiver.
pub fn webhook(name: &str, url: &str, http: &Http) -> Rc<dyn Channel> {
    let key = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    Rc::new(webhook::Webhook::new(&Make { name, http }, SecretString::from(url), key).unwrap())
}

#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The fields of a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        let text = std::str::from_utf8(&self.body).unwrap();
        web::Query::<BTreeMap<String, String>>::from_query(text)
            .unwrap()
            .into_inner()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A receiver that answers by `answer` (what came, and how many came before) and keeps what came.
pub struct Receiver {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
    handle: actix_web::dev::ServerHandle,
}

impl Receiver {
    pub fn start(
        answer: impl Fn(&Received, usize) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(move |request, before| {
            let (status, body) = answer(request, before);
            let status = actix_web::http::StatusCode::from_u16(status).unwrap();
            HttpResponse::build(status)
                .content_type("application/json")
                .body(body)
        })
    }

    pub fn start_with(
        answer: impl Fn(&Received, usize) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (kept, answer) = (received.clone(), Arc::new(answer));
        let server = HttpServer::new(move || {
            let (kept, answer) = (kept.clone(), answer.clone());
            App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
                let item = received_from(&request, &body);
                let before = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(item.clone());
                    kept.len() - 1
                };
                let response = answer(&item, before);
                async move { response }
            }))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Self {
            url,
            received,
            handle,
        }
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn received_from(request: &HttpRequest, body: &web::Bytes) -> Received {
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string()).unwrap();
    let headers = request.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Received {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: query.into_inner(),
        headers: headers.collect(),
        body: body.to_vec(),
    }
}

/// What a channel in memory has taken, and when.
pub type Sent = Rc<RefCell<Vec<(Timestamp, Rendered)>>>;

/// A provider with DingTalk's rule: more than 20 in a minute, and it is mute for ten.
pub struct Strict {
    windows: &'static [(usize, u64)],
    rate: Rate,
    lists_all: bool,
    seen: RefCell<Vec<Timestamp>>,
    pub mute_until: Cell<Option<Timestamp>>,
    pub punished: Rc<Cell<usize>>,
    pub sent: Sent,
}

impl Strict {
    /// Takes so many messages within so many seconds, for each of `windows`; the channel keeps `rate`.
    pub fn new(windows: &'static [(usize, u64)], rate: Rate, lists_all: bool) -> Self {
        Self {
            windows,
            rate,
            lists_all,
            seen: RefCell::default(),
            mute_until: Cell::default(),
            punished: Rc::default(),
            sent: Sent::default(),
        }
    }

    fn takes(&self, now: Timestamp) -> bool {
        if self.mute_until.get().is_some_and(|until| until > now) {
            return false;
        }
        let mut seen = self.seen.borrow_mut();
        seen.push(now);
        self.windows.iter().all(|(most, seconds)| {
            let within = seen
                .iter()
                .filter(|at| now.saturating_since(**at).as_secs() < *seconds);
            within.count() <= *most
        })
    }
}

impl Channel for Strict {
    fn name(&self) -> &str {
        "strict"
    }

    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        now: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            if self.takes(now) {
                self.sent.borrow_mut().push((now, message.clone()));
                return Ok(());
            }
            self.punished.set(self.punished.get() + 1);
            let wait = Duration::from_secs(600);
            self.mute_until.set(now.checked_add(wait));
            Err(ChannelError::Refused {
                host: "h".into(),
                code: "130101".into(),
                said: "send too fast".into(),
                retry: Some(wait),
            })
        })
    }

    fn rate(&self) -> Rate {
        self.rate
    }

    fn lists_all(&self) -> bool {
        self.lists_all
    }
}
