//! One place that touches the exchange from outside: a running server, signed requests, WebSockets.
#![allow(dead_code, reason = "each test file uses its part of the support")]
#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests fails where it goes wrong"
)]

use std::time::Duration;

use actix_codec::Framed;
use awc::BoxedSocket;
use awc::ws::{Codec, Frame, Message};
use futures_util::{SinkExt, StreamExt};
use ring::{hmac, signature::Ed25519KeyPair};
use serde_json::{Value, json};
use tripline_exchange::{EXAMPLE_API_KEY, EXAMPLE_SECRET, ExchangeConfig, Handle, spawn_in_thread};

const DEADLINE: Duration = Duration::from_secs(5);

/// A running exchange whose books are empty and stand still, and a client of it.
pub struct Exchange {
    pub handle: Handle,
    http: awc::Client,
}

/// A REST answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    pub headers: Vec<(String, String)>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    pub fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

pub fn sign(payload: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, EXAMPLE_SECRET.as_bytes());
    hmac::sign(&key, payload.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An Ed25519 key pair, the same in every test.
pub fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

impl Exchange {
    pub fn start() -> Self {
        Self::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut ExchangeConfig)) -> Self {
        let mut config = ExchangeConfig::default();
        config.market.synthetic.enabled = false;
        change(&mut config);
        let handle = spawn_in_thread(config, 0).unwrap();
        let connector = awc::Connector::new().conn_keep_alive(Duration::from_secs(60));
        let http = awc::Client::builder()
            .connector(connector)
            .timeout(DEADLINE)
            .disable_redirects()
            .finish();
        Self { handle, http }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.handle.addr)
    }

    /// Sends one request; an error is what the client saw instead of an answer.
    pub async fn send(
        &self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let method = awc::http::Method::from_bytes(verb.as_bytes()).unwrap();
        let mut request = self.http.request(method, self.url(path));
        for header in headers {
            request = request.insert_header(*header);
        }
        let exchange = async {
            let mut response = request
                .send_body(body.to_owned())
                .await
                .map_err(|error| error.to_string())?;
            let bytes = response.body().await.map_err(|error| error.to_string())?;
            let text = |value: &awc::http::header::HeaderValue| {
                value.to_str().unwrap_or_default().to_owned()
            };
            Ok(Answer {
                status: response.status().as_u16(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
                headers: response
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.to_string(), text(value)))
                    .collect(),
            })
        };
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .map_err(|_| "no answer".to_owned())?
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await.unwrap()
    }

    /// The time by the exchange's own clock, in milliseconds.
    pub async fn time(&self) -> i64 {
        self.get("/api/v3/time").await.json()["serverTime"]
            .as_i64()
            .unwrap()
    }

    /// A request signed with the documentation's key, everything in the query.
    pub async fn try_signed(&self, verb: &str, path: &str, params: &str) -> Result<Answer, String> {
        let time = self.time().await;
        let joined = if params.is_empty() {
            String::new()
        } else {
            format!("{params}&")
        };
        let query = format!("{joined}recvWindow=5000&timestamp={time}");
        let path = format!("{path}?{query}&signature={}", sign(&query));
        self.send(verb, &path, &[("X-MBX-APIKEY", EXAMPLE_API_KEY)], "")
            .await
    }

    pub async fn signed(&self, verb: &str, path: &str, params: &str) -> Answer {
        self.try_signed(verb, path, params).await.unwrap()
    }

    /// Parameters of a LIMIT order for one thousandth of a bitcoin.
    pub fn limit(id: &str, side: &str, price: &str) -> String {
        format!(
            "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}&newClientOrderId={id}"
        )
    }

    pub async fn place(&self, id: &str, side: &str, price: &str) -> Answer {
        self.signed("POST", "/api/v3/order", &Self::limit(id, side, price))
            .await
    }

    pub async fn practice(&self, verb: &str, path: &str, body: Value) -> Value {
        let answer = self
            .send(verb, &format!("/practice/{path}"), &[], &body.to_string())
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    pub async fn fault(&self, fault: Value) {
        self.practice("POST", "faults", fault).await;
    }

    /// One level on each side at 59999 and 60001, each one bitcoin.
    pub async fn fill_book(&self) {
        self.practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "mid": "60000", "spread": "2"}),
        )
        .await;
    }

    /// The client ids of all orders that the exchange knows, with their status.
    pub async fn orders(&self) -> Vec<(String, String)> {
        let record = self.practice("GET", "record", Value::Null).await;
        let orders = record["accounts"][0]["orders"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        orders
            .iter()
            .map(|order| (text(&order["clientOrderId"]), text(&order["status"])))
            .collect()
    }

    pub async fn socket(&self, path: &str) -> Ws {
        self.try_socket(path).await.unwrap()
    }

    pub async fn try_socket(&self, path: &str) -> Result<Ws, String> {
        let url = format!("ws://{}{path}", self.handle.addr);
        let (_, framed) = self
            .http
            .ws(url)
            .connect()
            .await
            .map_err(|error| format!("{error:?}"))?;
        Ok(Ws { framed })
    }

    /// A WebSocket API connection that hears the practice account's events.
    pub async fn user_stream(&self) -> Ws {
        let mut ws = self.socket("/ws-api/v3").await;
        let answer = ws
            .signed(
                self.time().await,
                "userDataStream.subscribe.signature",
                json!({}),
            )
            .await;
        assert_eq!(answer["result"], json!({"subscriptionId": 0}));
        ws
    }
}

/// A client's WebSocket.
pub struct Ws {
    framed: Framed<BoxedSocket, Codec>,
}

impl Ws {
    pub async fn send_text(&mut self, text: &str) {
        self.framed
            .send(Message::Text(text.to_owned().into()))
            .await
            .unwrap();
    }

    pub async fn send(&mut self, value: Value) {
        self.send_text(&value.to_string()).await;
    }

    /// The next text, pings answered; `None` when the connection ended or `within` passed.
    pub async fn next_text(&mut self, within: Duration) -> Option<String> {
        let until = tokio::time::Instant::now() + within;
        loop {
            match tokio::time::timeout_at(until, self.framed.next()).await {
                Ok(Some(Ok(Frame::Text(bytes)))) => {
                    return Some(String::from_utf8_lossy(&bytes).into_owned());
                }
                Ok(Some(Ok(Frame::Ping(payload)))) => {
                    self.framed.send(Message::Pong(payload)).await.unwrap()
                }
                Ok(Some(Ok(Frame::Close(_)) | Err(_)) | None) | Err(_) => return None,
                Ok(Some(Ok(_))) => {}
            }
        }
    }

    pub async fn next(&mut self) -> Value {
        let text = self
            .next_text(DEADLINE)
            .await
            .expect("a message within the deadline");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
    }

    /// The next message that `wanted` accepts.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await;
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Nothing more comes for a while.
    pub async fn silent(&mut self, within: Duration) -> bool {
        self.next_text(within).await.is_none()
    }

    /// Whether the connection ends within the deadline.
    pub async fn ends(&mut self) -> bool {
        let end = async {
            loop {
                match self.framed.next().await {
                    None | Some(Err(_) | Ok(Frame::Close(_))) => return,
                    Some(Ok(_)) => {}
                }
            }
        };
        tokio::time::timeout(DEADLINE, end).await.is_ok()
    }

    pub async fn call(&mut self, id: Value, method: &str, params: Value) -> Value {
        self.send(json!({"id": id, "method": method, "params": params}))
            .await;
        self.until(|message| message.get("id") == Some(&id)).await
    }

    /// A call signed with the documentation's key at the given exchange time.
    pub async fn signed(&mut self, time: i64, method: &str, params: Value) -> Value {
        let params = signed_params(time, params);
        self.call(json!("signed"), method, params).await
    }
}

/// The parameters with key, time and HMAC signature.
pub fn signed_params(time: i64, mut params: Value) -> Value {
    params["apiKey"] = EXAMPLE_API_KEY.into();
    params["timestamp"] = time.into();
    params["signature"] = sign(&sorted(&params)).into();
    params
}

/// `name=value&…`, sorted, as the WebSocket API signs it.
pub fn sorted(params: &Value) -> String {
    let object = params.as_object().unwrap();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut pairs: Vec<_> = object
        .iter()
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    pairs.sort();
    pairs.join("&")
}
