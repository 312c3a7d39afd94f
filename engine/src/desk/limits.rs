//! Limits that a person looks at or changes while the engine runs, and what the venue says of its instruments.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::desk::{Effect, OrderDesk, fault};
use crate::fault::FaultKind;
use crate::halt::Scope;
use crate::ids::Symbol;
use crate::instrument::{Instrument, TradingStatus};
use crate::journal::LimitSet;
use crate::risk::{Change, LimitError, LimitScope};
use crate::time::Timestamp;

/// One limit that a person wants to be another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitOrder {
    pub scope: LimitScope,
    pub key: String,
    /// As the configuration writes it; `None` takes the limit away.
    pub value: Option<String>,
    pub who: String,
    /// Without one a limit can be tightened, and not loosened.
    pub reason: Option<String>,
}

/// Why a limit stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LimitRefused {
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("there is no strategy {0} here")]
    UnknownStrategy(LimitScope),
    #[error("{0} is not traded here")]
    UnknownInstrument(LimitScope),
    #[error(
        "{key} of {scope} would be looser, {} instead of {}: that needs a reason",
        new.as_deref().unwrap_or("none"),
        old.as_deref().unwrap_or("none")
    )]
    NoReason {
        scope: LimitScope,
        key: String,
        old: Option<String>,
        new: Option<String>,
    },
}

impl OrderDesk {
    /// Changes one limit at once, and has that written down and told. `None`: it was so already.
    ///
    /// # Errors
    /// [`LimitRefused`]; nothing has changed.
    pub fn set_limit(
        &mut self,
        order: &LimitOrder,
        out: &mut Vec<Effect>,
    ) -> Result<Option<LimitSet>, LimitRefused> {
        let LimitOrder {
            scope,
            key,
            value,
            who,
            reason,
        } = order.clone();
        if let LimitScope::Strategy(id) = &scope
            && !self.seats.contains_key(id)
        {
            return Err(LimitRefused::UnknownStrategy(scope));
        }
        if let LimitScope::Instrument(symbol) = &scope
            && !self.instruments.contains_key(symbol)
        {
            return Err(LimitRefused::UnknownInstrument(scope));
        }
        let mut limits = self.risk.limits().clone();
        let (change, old) = limits.set(&scope, &key, value.as_deref())?;
        let new = limits.of(&scope).and_then(|limits| limits.get(&key));
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        if change == Change::Nothing {
            return Ok(None);
        }
        let is_looser = change == Change::Looser;
        if is_looser && reason.is_none() {
            return Err(LimitRefused::NoReason {
                scope,
                key,
                old,
                new,
            });
        }
        self.risk.set_limits(limits);
        let set = LimitSet {
            account: self.account,
            scope,
            key,
            old,
            new,
            who,
            reason,
            is_looser,
        };
        out.push(Effect::Record(set.clone().into()));
        out.push(told(&set));
        Ok(Some(set))
    }

    /// Takes what the venue says of instruments now: one that it does not trade any more takes no order from here on.
    /// Those that are not known here are not looked at.
    pub fn instruments_shown(
        &mut self,
        instruments: Vec<Instrument>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        for instrument in instruments {
            let symbol = instrument.symbol;
            let Some(known) = self.instruments.get(&symbol) else {
                continue;
            };
            let (before, after) = (known.status, instrument.status);
            if before != after {
                let again = match after {
                    TradingStatus::Trading => "the venue trades it again",
                    TradingStatus::CancelOnly => "the venue takes cancels only",
                    TradingStatus::Closed => "the venue does not trade it",
                };
                let detail = format!("{symbol} was {before:?} and is {after:?}: {again}");
                let (kind, scope) = (FaultKind::VenueStatus, Scope::Instrument(symbol));
                out.push(Effect::Raise(fault(kind, scope, detail, now)));
            }
            self.add_instrument(instrument);
        }
    }

    /// The venue does not know an instrument any more.
    pub fn instrument_gone(&mut self, symbol: Symbol, now: Timestamp, out: &mut Vec<Effect>) {
        if let Some(known) = self.instruments.get(&symbol) {
            let closed = Instrument {
                status: TradingStatus::Closed,
                ..known.clone()
            };
            self.instruments_shown(vec![closed], now, out);
        }
    }
}

/// The alert of a change.
fn told(set: &LimitSet) -> Effect {
    let LimitSet {
        scope,
        key,
        old,
        new,
        who,
        reason,
        is_looser,
        ..
    } = set;
    let how = if *is_looser { "loosened" } else { "tightened" };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "no limit".into());
    Effect::Found {
        title: format!(
            "limit {key} of {scope} was {how}: {} instead of {}",
            text(new),
            text(old)
        ),
        text: format!(
            "By {who}. Reason: {}.",
            reason.as_deref().unwrap_or("none given")
        ),
    }
}
