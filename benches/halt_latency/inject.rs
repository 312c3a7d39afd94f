//! Injects one fault after the other, and lifts each halt.

use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tripline::running::Running;
use tripline_actors::http;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{Incident, Scope};
use tripline_engine::messages::control::Resume;

use crate::marks;
use crate::trader::{Script, Wrong};

/// Name, symbol, prices, quantity, script.
pub type Traders = [(
    &'static str,
    &'static str,
    [&'static str; 2],
    &'static str,
    Rc<Script>,
); 2];

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// After the latch the market ticks on for at least so long.
const TICKS_ON: Duration = Duration::from_millis(25);

/// One fault, in Unix microseconds.
#[derive(Debug)]
pub struct Sample {
    pub kind: FaultKind,
    /// Whose orders it stops.
    strategies: Vec<&'static str>,
    fault: i64,
    latch: i64,
    confirmed: i64,
    /// Of an alert about alerts there is none.
    alert: Option<i64>,
    /// The halt was lifted after this.
    end: i64,
}

/// What one fault came to, in microseconds.
#[derive(Debug, Clone)]
pub struct Measured {
    pub kind: FaultKind,
    pub latch: u64,
    pub last_order: u64,
    pub confirmed: u64,
    pub alert: Option<u64>,
    pub orders_after_latch: u64,
}

enum Injected {
    /// In a callback of this trader.
    Script(usize, Wrong),
    Exchange(Value),
}

pub struct Engine {
    running: Running,
    traders: Traders,
    exchange: SocketAddr,
    client: awc::Client,
}

impl Engine {
    pub fn new(running: Running, traders: Traders, exchange: SocketAddr) -> Self {
        let limits = http::Limits::default();
        let tls = http::tls_config(None).expect("without a CA file nothing can be wrong with it");
        Self {
            running,
            traders,
            exchange,
            client: http::client(tls, &limits),
        }
    }

    pub async fn measure(self, faults: usize) -> Result<Vec<Measured>, Box<dyn Error>> {
        let mut samples = Vec::with_capacity(faults);
        let began = Instant::now();
        for number in 0..faults {
            self.trades().await?;
            let injected = self.inject(number).await;
            samples.push(injected.map_err(|error| format!("fault {number}: {error}"))?);
            if (number + 1) % 100 == 0 {
                let took = began.elapsed().as_secs();
                eprintln!("{} faults after {took} s", number + 1);
            }
        }
        let record = self
            .ask(awc::http::Method::GET, "/practice/record", "")
            .await?;
        let measured = samples.iter().map(|one| self.judge(one, &record)).collect();
        self.running.stop().await;
        Ok(measured)
    }

    /// Both trade, and have an order resting.
    async fn trades(&self) -> Result<(), Box<dyn Error>> {
        let before = self
            .traders
            .each_ref()
            .map(|(.., script)| script.placed.get());
        until("both trade", || {
            let mut traders = self.traders.iter().zip(before);
            traders.all(|((.., script), before)| {
                script.resting.get() && script.placed.get() > before + 1
            })
        })
        .await
    }

    async fn inject(&self, number: usize) -> Result<Sample, Box<dyn Error>> {
        let before = self.incidents().last().map_or(0, |one| one.id.0);
        let fault = match self.plan(number)? {
            Injected::Script(trader, wrong) => {
                let (.., script) = &self.traders[trader];
                script.is_wrong.set(false);
                script.wrong.set(Some(wrong));
                until("it goes wrong", || script.is_wrong.get()).await?;
                script.at.get()
            }
            Injected::Exchange(fault) => {
                let body = fault.to_string();
                self.ask(awc::http::Method::POST, "/practice/faults", &body)
                    .await?;
                marks::now()
            }
        };
        until("it halts", || !self.incidents().is_empty()).await?;
        let incidents = self.incidents();
        let first = incidents.iter().find(|one| one.id.0 > before);
        let first = first.ok_or("there is no new incident")?.clone();
        let (id, scope) = (first.id.0, first.fault.scope);
        until("the sweep is confirmed", || {
            marks::confirmed(id, &scope).is_some()
        })
        .await?;
        let is_told = first.fault.kind != FaultKind::AlertUndelivered;
        if is_told {
            until("the alert is received", || marks::of(id).alert.is_some()).await?;
        }
        tokio::time::sleep(TICKS_ON).await;
        self.ask(awc::http::Method::DELETE, "/practice/faults", "")
            .await?;
        let end = marks::now();
        self.resume().await?;
        let marks = marks::of(id);
        Ok(Sample {
            kind: first.fault.kind,
            strategies: self.concerned(&scope),
            fault,
            latch: marks.latch.ok_or("the latch was not seen")?,
            confirmed: marks::confirmed(id, &scope).ok_or("the sweep was not seen")?,
            alert: marks.alert,
            end,
        })
    }

    fn plan(&self, number: usize) -> Result<Injected, Box<dyn Error>> {
        let (trader, turn) = (number % 2, number / 10);
        let order = |mut fault: Value| {
            fault["operation"] = "order.place".into();
            fault["symbol"] = "BTCUSDT".into();
            Injected::Exchange(fault)
        };
        Ok(match (number % 10, turn % 5) {
            (0, _) => Injected::Script(turn % 2, Wrong::Error),
            (1, _) => Injected::Script(turn % 2, Wrong::Panic),
            (2, 0) => Injected::Exchange(
                json!({"kind": "bad_message", "stream": "btcusdt@bookTicker", "how": "number_for_string", "field": "b"}),
            ),
            (2, 1) => order(json!({"kind": "server_error", "status": 502, "live": true})),
            (2, 2) => {
                order(json!({"kind": "bad_response", "how": "unknown_status", "field": "status"}))
            }
            (2, 3) => order(json!({"kind": "cut_after"})),
            (2, _) => Injected::Exchange(
                json!({"kind": "bad_event", "symbol": "BTCUSDT", "how": "unknown_status"}),
            ),
            (rest, _) => {
                let raised = turn * 7 + rest - 3;
                let kinds = FaultKind::ALL;
                let kind = kinds[raised % kinds.len()];
                let (name, symbol, ..) = &self.traders[trader];
                let scope = match (raised + raised / kinds.len()) % 5 {
                    0 => Scope::Strategy(name.parse()?),
                    1 => Scope::Instrument(symbol.parse()?),
                    2 => Scope::Account("bench".parse()?),
                    3 => Scope::Venue("binance".parse()?),
                    _ => Scope::Global,
                };
                Injected::Script(trader, Wrong::Raised(kind, scope))
            }
        })
    }

    /// What stands, first one first.
    fn incidents(&self) -> Vec<Incident> {
        let standing = self.running.board().restricted().into_iter();
        let mut incidents: Vec<Incident> = standing
            .flat_map(|(_, standing)| standing.incidents)
            .collect();
        incidents.sort_unstable_by_key(|one| one.id);
        incidents
    }

    fn concerned(&self, scope: &Scope) -> Vec<&'static str> {
        let traders = self.traders.iter();
        let concerned = traders.filter(|(name, symbol, ..)| match scope {
            Scope::Strategy(id) => id.as_str() == *name,
            Scope::Instrument(of) => of.as_str() == *symbol,
            Scope::Account(_) | Scope::Venue(_) | Scope::Global => true,
        });
        concerned.map(|(name, ..)| *name).collect()
    }

    /// As a person who has looked.
    async fn resume(&self) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + PATIENCE;
        let mut refused = String::new();
        while Instant::now() < deadline {
            let standing = self.running.board().restricted();
            if standing.is_empty() {
                return Ok(());
            }
            for (scope, standing) in standing {
                let resume = Resume {
                    scope,
                    incidents: standing.incidents.iter().map(|one| one.id).collect(),
                    epoch: standing.epoch,
                    reason: "the next fault".into(),
                    who: "bench".into(),
                };
                if let Err(error) = self.running.resume(resume).await {
                    refused = error.to_string();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
        Err(format!("not resumed: {refused}").into())
    }

    async fn ask(
        &self,
        verb: awc::http::Method,
        path: &str,
        body: &str,
    ) -> Result<Value, Box<dyn Error>> {
        let limits = http::Limits {
            body_bytes: 1 << 30,
            body: Duration::from_secs(60),
            head: Duration::from_secs(60),
            ..http::Limits::default()
        };
        let request = self
            .client
            .request(verb, format!("http://{}{path}", self.exchange))
            .timeout(Duration::from_secs(60));
        let answer =
            http::exchange("practice", request.send_body(body.to_owned()), &limits).await?;
        if !answer.status.is_success() {
            return Err(format!("{path}: {}", String::from_utf8_lossy(&answer.body)).into());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    fn judge(&self, sample: &Sample, record: &Value) -> Measured {
        let is_concerned = |id: &str| {
            let mut strategies = sample.strategies.iter();
            strategies.any(|name| id.starts_with(&format!("t-{name}-")))
        };
        let arrivals = record["arrivals"].as_array().into_iter().flatten();
        let orders = arrivals.filter(|one| {
            let at = one["timeUs"].as_i64().unwrap_or_default();
            one["operation"] == "order.place" && (sample.fault..sample.end).contains(&at)
        });
        let orders =
            orders.filter(|one| is_concerned(one["clientOrderId"].as_str().unwrap_or_default()));
        let last = orders.filter_map(|one| one["timeUs"].as_i64()).max();
        let after = marks::handed_over_within(sample.latch, sample.end, is_concerned);
        let since = |at: i64| u64::try_from(at - sample.fault).unwrap_or_default();
        Measured {
            kind: sample.kind,
            latch: since(sample.latch),
            last_order: last.map_or(0, since),
            confirmed: since(sample.confirmed),
            alert: sample.alert.map(since),
            orders_after_latch: after,
        }
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return Err(format!("did not come true: {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
