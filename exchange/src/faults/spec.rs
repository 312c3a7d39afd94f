//! How a fault is written down: in the configuration (`[[faults]]`) and in `POST /practice/faults`.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tripline_engine::ids::{AccountId, Symbol};

use super::kinds::{Kind, Place};

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
    #[error("'{text}' is no symbol status: want TRADING, END_OF_DAY, HALT, BREAK or CANCEL_ONLY")]
    SymbolStatus { text: String },
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

    fn given(&self) -> [(&'static str, bool); 13] {
        [
            ("operation", self.operation.is_some()),
            ("transport", self.transport.is_some()),
            ("stream", self.stream.is_some()),
            ("event", self.event.is_some()),
            ("symbol", self.symbol.is_some()),
            ("account", self.account.is_some()),
            ("ms", self.ms.is_some()),
            ("live", self.live.is_some()),
            ("status", self.status.is_some()),
            ("code", self.code.is_some() || self.message.is_some()),
            ("how", self.how.is_some() || self.field.is_some()),
            ("offset_ms", self.offset_ms.is_some()),
            ("symbol_status", self.symbol_status.is_some()),
        ]
    }

    /// Checks the parameters against the table.
    ///
    /// # Errors
    /// [`FaultError`], so that a fault that would do nothing is not set.
    pub fn check(&self) -> Result<(), FaultError> {
        let row = self.kind.row();
        let scope: &[&str] = match row.place {
            Place::Request => &["operation", "transport", "symbol", "account"],
            Place::Event => &["event", "symbol", "account"],
            Place::Stream => &["stream", "symbol"],
            Place::Standing | Place::Immediate => &[],
        };
        let kind = self.kind.to_string();
        for (parameter, given) in self.given() {
            if given && !scope.contains(&parameter) && !row.takes.contains(&parameter) {
                let takes = [scope, row.takes].concat().join(", ");
                return Err(FaultError::NotTaken {
                    kind,
                    parameter,
                    takes,
                });
            }
        }
        if self.every == 0 {
            return Err(FaultError::EveryZero);
        }
        match (self.kind, self.symbol, &self.symbol_status) {
            (Kind::SymbolStatus, None, _) => Err(FaultError::Needed {
                kind,
                parameter: "symbol",
            }),
            (Kind::SymbolStatus, _, None) => Err(FaultError::Needed {
                kind,
                parameter: "symbol_status",
            }),
            (_, _, Some(text)) if crate::model::SymbolStatus::parse(text).is_none() => {
                Err(FaultError::SymbolStatus { text: text.clone() })
            }
            _ => Ok(()),
        }
    }
}
