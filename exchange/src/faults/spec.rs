//! How a fault is written down: in the configuration (`[[faults]]`) and in `POST /practice/faults`.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tripline_engine::ids::{AccountId, Symbol};

use super::kinds::{Kind, Place};
use crate::api::table;
use crate::model::{ExecutionType, SymbolStatus};

/// The clock may be off by ten years at most, in milliseconds.
const MOST_OFFSET_MS: u64 = 10 * 365 * 86_400_000;

/// What there is on the exchange that a fault may name.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub symbols: &'a [Symbol],
    pub accounts: &'a [AccountId],
}

/// Over which of the three wires a request or connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Rest,
    WsApi,
    Stream,
}

/// How a message is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// Cut in the middle: no longer JSON.
    Truncated,
    /// `field` becomes a number where a string stood.
    NumberForString,
    /// `field` becomes a string where a number stood.
    StringForNumber,
    /// `field` (unless given: `X`, else `status`) becomes a word that no document lists.
    UnknownStatus,
    /// `field` is left out.
    MissingField,
}

/// One fault: what, where, how often. What it does and which parameters it takes stands with its
/// [`Kind`] and in [`super::kinds::TABLE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    pub kind: Kind,
    /// Only requests to this operation, as the WebSocket API names it (`order.place`, over REST too) or
    /// as verb and path (`POST /api/v3/order`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Only streams whose name contains this text, such as `btcusdt@depth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Only user-data events with this `e`, such as `executionReport`, or this `x`, such as `TRADE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<Symbol>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// After so many times the fault is used up; 0: never. Standing faults ignore it.
    #[serde(default = "one")]
    pub count: u32,
    /// Only every so many-th of what matches.
    #[serde(default = "one")]
    pub every: u32,
    /// So many matches pass first.
    #[serde(default)]
    pub skip: u32,
    /// Lets a fault that acts once act only so many milliseconds after it was set: in a configuration,
    /// after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// Milliseconds; the meaning stands with the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Whether the request is carried out all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<Damage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How far the exchange's clock is ahead (below zero: behind), in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_ms: Option<i64>,
    /// The new status of `symbol`, such as `HALT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol_status: Option<String>,
}

fn one() -> u32 {
    1
}

/// Why a fault cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    #[error("{kind} takes no `{parameter}`; it takes {takes}")]
    NotTaken {
        kind: String,
        parameter: &'static str,
        takes: String,
    },
    #[error("{kind} needs `{parameter}`")]
    Needed {
        kind: String,
        parameter: &'static str,
    },
    #[error("`every` counts from 1")]
    EveryZero,
    #[error("{kind}: '{text}' is no `{parameter}`; want {want}")]
    Unknown {
        kind: String,
        parameter: &'static str,
        text: String,
        want: String,
    },
    #[error(
        "{kind} acts when it is set, and at the start nobody is connected: give `after_ms`, in milliseconds"
    )]
    TooEarly { kind: String },
}

impl FaultSpec {
    /// A fault of this kind that hits once whatever comes first.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            operation: None,
            transport: None,
            stream: None,
            event: None,
            symbol: None,
            account: None,
            count: 1,
            every: 1,
            skip: 0,
            after_ms: None,
            ms: None,
            live: None,
            status: None,
            code: None,
            message: None,
            how: None,
            field: None,
            offset_ms: None,
            symbol_status: None,
        }
    }

    fn given(&self) -> [(&'static str, bool); 14] {
        [
            ("operation", self.operation.is_some()),
            ("transport", self.transport.is_some()),
            ("stream", self.stream.is_some()),
            ("event", self.event.is_some()),
            ("symbol", self.symbol.is_some()),
            ("account", self.account.is_some()),
            ("after_ms", self.after_ms.is_some()),
            ("ms", self.ms.is_some()),
            ("live", self.live.is_some()),
            ("status", self.status.is_some()),
            ("code", self.code.is_some() || self.message.is_some()),
            ("how", self.how.is_some() || self.field.is_some()),
            ("offset_ms", self.offset_ms.is_some()),
            ("symbol_status", self.symbol_status.is_some()),
        ]
    }

    /// Checks the parameters against the table, and what they name against what there is.
    ///
    /// # Errors
    /// [`FaultError`], so that a fault that would do nothing is not set.
    pub fn check(&self, known: &Known<'_>) -> Result<(), FaultError> {
        self.taken()?;
        if self.every == 0 {
            return Err(FaultError::EveryZero);
        }
        self.needed()?;
        self.named(known)?;
        self.possible()
    }

    /// # Errors
    /// [`FaultError::TooEarly`] for a fault that acts once and would meet nobody at the start.
    pub fn check_at_start(&self) -> Result<(), FaultError> {
        let once = self.kind.row().place == Place::Immediate && self.after_ms.is_none();
        if once && self.kind != Kind::SymbolStatus {
            return Err(FaultError::TooEarly {
                kind: self.kind.to_string(),
            });
        }
        Ok(())
    }

    fn taken(&self) -> Result<(), FaultError> {
        let row = self.kind.row();
        let scope: &[&str] = match row.place {
            Place::Request => &["operation", "transport", "symbol", "account"],
            Place::Event => &["event", "symbol", "account"],
            Place::Stream => &["stream", "symbol"],
            Place::Standing => &[],
            Place::Immediate => &["after_ms"],
        };
        for (parameter, given) in self.given() {
            if given && !scope.contains(&parameter) && !row.takes.contains(&parameter) {
                return Err(FaultError::NotTaken {
                    kind: self.kind.to_string(),
                    parameter,
                    takes: [scope, row.takes].concat().join(", "),
                });
            }
        }
        Ok(())
    }

    fn needed(&self) -> Result<(), FaultError> {
        let missing = match self.kind {
            Kind::SymbolStatus if self.symbol.is_none() => Some("symbol"),
            Kind::SymbolStatus if self.symbol_status.is_none() => Some("symbol_status"),
            Kind::ClockOffset if self.offset_ms.is_none() => Some("offset_ms"),
            Kind::ConnectionLife if self.ms.is_none() => Some("ms"),
            _ => None,
        };
        missing.map_or(Ok(()), |parameter| {
            Err(FaultError::Needed {
                kind: self.kind.to_string(),
                parameter,
            })
        })
    }

    /// What is named must be there.
    fn named(&self, known: &Known<'_>) -> Result<(), FaultError> {
        if let Some(symbol) = self.symbol.filter(|symbol| !known.symbols.contains(symbol)) {
            return Err(self.unknown("symbol", symbol, list(known.symbols)));
        }
        if let Some(account) = self.account.filter(|one| !known.accounts.contains(one)) {
            return Err(self.unknown("account", account, list(known.accounts)));
        }
        if let Some(name) = self
            .operation
            .as_deref()
            .filter(|name| !table::is_known(name))
        {
            let want = "a name of the WebSocket API such as order.place, or verb and path such as POST /api/v3/order";
            return Err(self.unknown("operation", name, want));
        }
        let events = [
            "executionReport",
            "outboundAccountPosition",
            "balanceUpdate",
        ];
        let executions = || ExecutionType::ALL.iter().map(|one| one.as_str());
        if let Some(event) = self
            .event
            .as_deref()
            .filter(|event| !events.contains(event) && executions().all(|one| one != *event))
        {
            let all: Vec<&str> = events.into_iter().chain(executions()).collect();
            return Err(self.unknown("event", event, all.join(", ")));
        }
        Ok(())
    }

    /// Values within their range.
    fn possible(&self) -> Result<(), FaultError> {
        let status = self.status.filter(|status| !(400..=599).contains(status));
        if let Some(status) = status {
            return Err(self.unknown("status", status, "400 to 599"));
        }
        let offset = self
            .offset_ms
            .filter(|ms| ms.unsigned_abs() > MOST_OFFSET_MS);
        if let Some(offset) = offset {
            let want = format!("{MOST_OFFSET_MS} milliseconds at most, either way");
            return Err(self.unknown("offset_ms", offset, want));
        }
        let on_requests = self.kind.row().place == Place::Request;
        if let Some(Transport::Rest) = self.transport.filter(|_| !on_requests) {
            return Err(self.unknown("transport", "rest", "stream or ws_api"));
        }
        if let Some(Transport::Stream) = self.transport.filter(|_| on_requests) {
            return Err(self.unknown("transport", "stream", "rest or ws_api"));
        }
        match self.symbol_status.as_deref() {
            Some(text) if SymbolStatus::parse(text).is_none() => {
                Err(self.unknown("symbol_status", text, list(SymbolStatus::ALL)))
            }
            _ => Ok(()),
        }
    }

    fn unknown(
        &self,
        parameter: &'static str,
        text: impl Display,
        want: impl Into<String>,
    ) -> FaultError {
        FaultError::Unknown {
            kind: self.kind.to_string(),
            parameter,
            text: text.to_string(),
            want: want.into(),
        }
    }
}

fn list<T: Display>(all: &[T]) -> String {
    let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
