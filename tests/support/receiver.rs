//! A DingTalk robot on the loopback: an HTTP receiver that verifies the signature of every message, as
//! the real one does, and keeps what it accepted.

use std::cell::{Cell, RefCell};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tripline_actors::alert::channels::{Origin, dingtalk};
use tripline_actors::alert::{ChannelConfig, SecretSource};
use tripline_engine::fault::FaultKind;

const TOKEN: &str = "token-of-the-test-robot";
const KEY: &str = "SEC-key-of-the-test-robot";

/// What the robot answers when the signature does not match (DingTalk, error 310000).
const SIGN_MISMATCH: &str = r#"{"errcode":310000,"errmsg":"sign not match"}"#;

#[derive(Default)]
struct State {
    accepted: RefCell<Vec<String>>,
    refused: Cell<usize>,
    refuse: Cell<bool>,
}

/// A robot that takes signed messages.
pub struct Robot {
    state: Rc<State>,
    config: ChannelConfig,
    folder: PathBuf,
}

impl Robot {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Rc::<State>::default();
        let shared = state.clone();
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                actix_rt::spawn(serve(stream, shared.clone()));
            }
        });
        let folder = std::env::temp_dir().join(format!(
            "tripline-robot-{}-{}",
            std::process::id(),
            address.port()
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let secret = |name: &str, text: &str| {
            let path = folder.join(name);
            let mut options = std::fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)
                .unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            SecretSource::File(path)
        };
        let config = dingtalk::Config {
            token: secret("token", TOKEN),
            sign_key: Some(secret("key", KEY)),
            keyword: None,
            mobiles: Vec::new(),
            base_url: Origin::parse(&format!("http://{address}")).unwrap(),
        };
        Self {
            state,
            config: config.into(),
            folder,
        }
    }

    pub fn channel(&self) -> ChannelConfig {
        self.config.clone()
    }

    /// From now on every message is refused for good, whatever its signature.
    pub fn refuse(&self) {
        self.state.refuse.set(true);
    }

    /// From now on messages are taken again.
    pub fn accept(&self) {
        self.state.refuse.set(false);
    }

    pub fn refused(&self) -> usize {
        self.state.refused.get()
    }

    /// The texts of the messages whose signature was right.
    pub fn texts(&self) -> Vec<String> {
        self.state.accepted.borrow().clone()
    }

    /// Whether a person was told of a fault of this kind.
    pub fn told_of(&self, kind: FaultKind) -> bool {
        // Markdown escapes the underscore.
        self.texts()
            .iter()
            .any(|text| text.replace('\\', "").contains(kind.as_str()))
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

async fn serve(mut stream: TcpStream, state: Rc<State>) {
    while let Some((target, body)) = request(&mut stream).await {
        let answer = if !signed(&target) {
            state.refused.set(state.refused.get() + 1);
            SIGN_MISMATCH
        } else if state.refuse.get() {
            state.refused.set(state.refused.get() + 1);
            r#"{"errcode":300001,"errmsg":"token is not exist"}"#
        } else {
            let body: Value = serde_json::from_slice(&body).unwrap();
            state
                .accepted
                .borrow_mut()
                .push(body["markdown"]["text"].as_str().unwrap().to_owned());
            r#"{"errcode":0,"errmsg":"ok"}"#
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream
            .write_all(format!("{head}{answer}").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}

/// The next request's target and body; `None` at the end of the connection.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut received = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        received.extend_from_slice(&chunk[..read]);
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(received[..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(0usize);
        let body = &received[end + 4..];
        if body.len() >= length {
            let target = head.split(' ').nth(1).unwrap().to_owned();
            return Some((target, body.to_vec()));
        }
    }
}

/// `sign` is `base64(HMAC-SHA256(key, "{timestamp}\n{key}"))`, percent-encoded (DingTalk, "custom robot").
fn signed(target: &str) -> bool {
    let query = target.strip_prefix("/robot/send?").unwrap_or_default();
    let value = |name: &str| {
        let pair = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        percent_decoded(pair.unwrap_or_default())
    };
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, KEY.as_bytes());
    let payload = format!("{}\n{KEY}", value("timestamp"));
    let tag = BASE64.decode(value("sign")).unwrap_or_default();
    value("access_token") == TOKEN && ring::hmac::verify(&key, payload.as_bytes(), &tag).is_ok()
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        decoded.push(char::from(u8::from_str_radix(code, 16).unwrap()));
        decoded.push_str(rest);
    }
    decoded
}
