//! The limits of one scope: one field a rule, each with the direction in which it is stricter.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::hours::TradingHours;
use super::scope::{Level, LimitScope};
use super::table::RiskLimits;
use super::value::{Direction, Higher, LimitValue, Lower, Narrower, Percent, Span, Wider};
use crate::ids::{Asset, StrategyId, Symbol};
use crate::money::{Notional, Quantity};
use crate::order::{OrderType, Side};

/// Where a limit may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    /// Not for an instrument.
    Traders,
    /// Globally and for the account.
    Account,
}

impl Place {
    const fn takes(self, scope: &LimitScope) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Traders => !matches!(scope, LimitScope::Instrument(_)),
            Self::Account => matches!(scope, LimitScope::Global | LimitScope::Account),
        }
    }
}

/// What a key means where it is not set, beside another one that is.
const IMPLIED: [(&str, &str); 3] = [
    ("repeated_within", "10s"),
    ("price_drift_within", "1m"),
    ("slow_answers", "5"),
];

/// Why a limit cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LimitError {
    #[error("there is no limit '{0}'")]
    UnknownKey(String),
    #[error("{key}: {problem}")]
    Value { key: &'static str, problem: String },
    #[error("{key} cannot be set for {scope}")]
    Scope {
        key: &'static str,
        scope: LimitScope,
    },
}

/// What a change of one limit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Nothing,
    /// Everything that passes now passed before.
    Tighter,
    /// Something passes that did not before.
    Looser,
}

/// The strictest of several limits, and where it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound<T> {
    pub(super) value: T,
    pub(super) level: Level,
}

fn tighten<D: Direction<T>, T: Clone>(bound: &mut Option<Bound<T>>, value: &T, level: Level) {
    match bound {
        None => {
            let value = value.clone();
            *bound = Some(Bound { value, level });
        }
        Some(known) if !D::is_within(&known.value, value) => {
            known.value = D::both(&known.value, value);
            known.level = level;
        }
        Some(_) => {}
    }
}

fn change<D: Direction<T>, T: PartialEq>(old: Option<&T>, new: Option<&T>) -> Change {
    match (old, new) {
        (None, None) => Change::Nothing,
        (Some(old), Some(new)) if old == new => Change::Nothing,
        (None, Some(_)) => Change::Tighter,
        (Some(old), Some(new)) if D::is_within(new, old) => Change::Tighter,
        _ => Change::Looser,
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])+ $key:ident: $type:ty = $direction:ident, $place:ident;)+) => {
        /// The limits of one scope. What is not set does not limit.
        ///
        /// Quantities are in units of the base asset, and hold for each instrument alone. Amounts of money are in
        /// units of [`RiskLimits::value_in`](super::RiskLimits::value_in). Where a rule is about one order, the
        /// limit holds for each order of the scope; where it is about a sum, for the sum over the scope.
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[$doc])+ #[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<$type>,)+
        }

        impl Limits {
            /// Every key.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            /// A key as text; `None` where it is not set or not known.
            #[must_use]
            pub fn get(&self, key: &str) -> Option<String> {
                match key {
                    $(stringify!($key) => self.$key.as_ref().map(LimitValue::show),)+
                    _ => None,
                }
            }

            /// Sets a key from text; `None` takes the limit away.
            ///
            /// # Errors
            /// [`LimitError`]; nothing has changed.
            pub fn set(&mut self, key: &str, text: Option<&str>) -> Result<&'static str, LimitError> {
                match key {
                    $(stringify!($key) => {
                        let key = stringify!($key);
                        let value = text.map(<$type>::read).transpose();
                        self.$key = value.map_err(|problem| LimitError::Value { key, problem })?;
                        Ok(key)
                    })+
                    _ => Err(LimitError::UnknownKey(key.chars().take(80).collect())),
                }
            }

            /// What it does to replace these limits' key by that of others.
            #[must_use]
            pub fn change(&self, key: &str, new: &Self) -> Change {
                let (old, new) = (self.with_implied(key), new.with_implied(key));
                match key {
                    $(stringify!($key) => change::<$direction, $type>(old.$key.as_ref(), new.$key.as_ref()),)+
                    _ => Change::Nothing,
                }
            }

            /// These limits with what a key is where it is not set.
            fn with_implied(&self, key: &str) -> Self {
                let mut limits = self.clone();
                let implied = IMPLIED.iter().find(|(of, _)| *of == key);
                if let (Some((_, value)), None) = (implied, self.get(key)) {
                    let set = limits.set(key, Some(value));
                    debug_assert!(set.is_ok(), "{key} = {value} is a literal");
                }
                limits
            }

            /// Takes what `other` sets and these limits do not.
            pub(super) fn complete(&mut self, other: Self) {
                $(self.$key = self.$key.take().or(other.$key);)+
            }

            /// Takes what is stricter in `other`: of two limits that are not comparable what both allow.
            pub(super) fn tighten(&mut self, other: &Self) {
                $(if let Some(value) = &other.$key {
                    let known = self.with_implied(stringify!($key)).$key;
                    self.$key = match &known {
                        Some(known) => Some($direction::both(known, value)),
                        None => Some(value.clone()),
                    };
                })+
            }

            /// The first key that is set and cannot be for this scope.
            #[must_use]
            pub fn misplaced(&self, scope: &LimitScope) -> Option<&'static str> {
                let mut set = [$((stringify!($key), self.$key.is_some(), Place::$place)),+].into_iter();
                set.find_map(|(key, is_set, place)| (is_set && !place.takes(scope)).then_some(key))
            }
        }

        /// The limits of every scope as a file has them: `[risk]` with what is global, and below it `account`,
        /// `strategy.ID` and `instrument.SYMBOL`.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct RiskTable {
            $($key: Option<$type>,)+
            value_in: Option<Asset>,
            /// Whether what is not set has the default of practice; so it is where nothing is said.
            defaults: Option<bool>,
            account: Limits,
            strategy: BTreeMap<StrategyId, Limits>,
            instrument: BTreeMap<Symbol, Limits>,
        }

        impl From<RiskTable> for RiskLimits {
            fn from(table: RiskTable) -> Self {
                let limits = Self {
                    value_in: table.value_in,
                    global: Limits { $($key: table.$key,)+ },
                    account: table.account,
                    strategies: table.strategy,
                    instruments: table.instrument,
                };
                match table.defaults {
                    Some(false) => limits,
                    _ => limits.with_defaults(),
                }
            }
        }

        /// The limits of several scopes at once: of each the strictest.
        #[derive(Debug, Clone, Default)]
        pub(super) struct Bounds {
            $(pub(super) $key: Option<Bound<$type>>,)+
        }

        impl Bounds {
            pub(super) fn of(layers: &[(Level, &Limits)]) -> Self {
                let mut bounds = Self::default();
                for (level, limits) in layers {
                    $(if let Some(value) = &limits.$key {
                        tighten::<$direction, $type>(&mut bounds.$key, value, *level);
                    })+
                }
                bounds
            }
        }
    };
}

limits! {
    /// C01: how far beyond the reference a price may be: a buy above it, a sell below it. A price that waits on
    /// the other side of the market loses nothing.
    collar_percent: Percent = Lower, Anywhere;
    /// C01: the same in ticks.
    collar_ticks: u32 = Lower, Anywhere;
    /// C02: how far apart a strategy's order prices on one side of an instrument may be within
    /// `price_drift_within`. A trip halts the strategy.
    price_drift_percent: Percent = Lower, Anywhere;
    /// C02: a minute where it is not set.
    price_drift_within: Span = Higher, Anywhere;
    /// C03: the smallest quantity of an order.
    min_quantity: Quantity = Higher, Anywhere;
    /// C03: the largest quantity of an order.
    max_quantity: Quantity = Lower, Anywhere;
    /// C04: the smallest notional of an order.
    min_notional: Notional = Higher, Anywhere;
    /// C04: the largest notional of an order. One without a price counts at the reference plus the collar.
    max_notional: Notional = Lower, Anywhere;
    /// C05: new orders within any second. Cancels are never refused.
    new_per_second: u32 = Lower, Anywhere;
    /// C05: new orders within any minute.
    new_per_minute: u32 = Lower, Anywhere;
    /// C05: amendments within any second.
    amends_per_second: u32 = Lower, Anywhere;
    /// C05: amendments within any minute.
    amends_per_minute: u32 = Lower, Anywhere;
    /// C06: cancels in a day, UTC, after which a person is told.
    cancels_per_day: u32 = Lower, Anywhere;
    /// C06: orders for each fill in a day, UTC, after which a person is told; from the hundredth order on.
    orders_per_fill: u32 = Lower, Anywhere;
    /// C07: orders of a strategy on one side of an instrument within `repeated_within`. One more halts it.
    repeated_orders: u32 = Lower, Anywhere;
    /// C07: fills of a strategy on one side of an instrument within `repeated_within`. One more halts it.
    repeated_fills: u32 = Lower, Anywhere;
    /// C07: ten seconds where it is not set.
    repeated_within: Span = Higher, Anywhere;
    /// C08: the longest position on an instrument if every order that may be open fills. A strategy's own where it
    /// is set for a strategy, else the account's.
    max_long: Quantity = Lower, Anywhere;
    /// C08: the same for the short position, as a positive quantity.
    max_short: Quantity = Lower, Anywhere;
    /// C09: the sum of all positions at their worst, without their signs.
    max_gross_exposure: Notional = Lower, Anywhere;
    /// C09: the sum of all positions at their worst, with their signs, long or short.
    max_net_exposure: Notional = Lower, Anywhere;
    /// C10: an order of the same instrument, side, price and size as one that any strategy has placed is
    /// refused for so long.
    duplicate_within: Span = Higher, Anywhere;
    /// C11: whether an order that would trade with an own one is refused.
    refuse_self_trade: bool = Higher, Anywhere;
    /// C12: lost since the day began, UTC: realised and unrealised. Entries stop.
    day_loss_reduce: Notional = Lower, Traders;
    /// C12: lost since the day began, UTC: realised and unrealised. Halts.
    day_loss_halt: Notional = Lower, Traders;
    /// C12: lost since the peak. Entries stop.
    drawdown_reduce: Notional = Lower, Traders;
    /// C12: lost since the peak. Halts.
    drawdown_halt: Notional = Lower, Traders;
    /// C13: orders that are, or may be, open.
    max_open_orders: u32 = Lower, Anywhere;
    /// C14: an order that rests for longer is cancelled, and a person is told.
    max_order_age: Span = Lower, Anywhere;
    /// C15: while more orders of the account than this are uncertain, none is placed.
    max_uncertain: u32 = Lower, Account;
    /// C18: an answer to an order that takes longer is slow.
    slow_answer: Span = Lower, Account;
    /// C18: so many slow answers in a row are a fault.
    slow_answers: u32 = Lower, Account;
    /// C20: the instruments that may be traded.
    instruments: BTreeSet<Symbol> = Narrower, Traders;
    /// C20: instruments that may not be traded.
    restricted: BTreeSet<Symbol> = Wider, Traders;
    /// C20: the sides that may be traded.
    sides: BTreeSet<Side> = Narrower, Anywhere;
    /// C20: the order types that may be placed.
    order_types: BTreeSet<OrderType> = Narrower, Anywhere;
    /// C21: when orders may be placed.
    trading_hours: TradingHours = Narrower, Anywhere;
    /// C27: free space on the journal's disk, in millions of bytes. Less halts everything.
    min_free_disk_mb: u64 = Higher, Account;
}
