//! The values that limits have: each is read from text and shown as the same text.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::Symbol;
use crate::money::{Notional, Quantity, parse_decimal};
use crate::order::{OrderType, Side};

/// What a limit can be set to.
pub trait LimitValue: Sized {
    /// # Errors
    /// What is wrong with the text, and what would be right.
    fn read(text: &str) -> Result<Self, String>;

    fn show(&self) -> String;
}

/// Hundredths of something, above zero: `0.5` is half a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(Decimal);

impl Percent {
    #[must_use]
    pub const fn value(self) -> Decimal {
        self.0
    }

    /// One plus the percentage, such as 1.005.
    pub(super) fn above_one(self) -> Option<Decimal> {
        Decimal::ONE.checked_add(self.of_one()?)
    }

    /// As a fraction of one, such as 0.005.
    pub(super) fn of_one(self) -> Option<Decimal> {
        self.0.checked_mul(Decimal::new(1, 2))
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match parse_decimal("percentage", text) {
            Ok(value) if value > Decimal::ZERO => Ok(Self(value)),
            _ => Err(format!(
                "'{text}' is no percentage above zero, such as \"0.5\""
            )),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A length of time as text: `250ms`, `2s`, `5m`, `24h`, `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = UNITS.iter().find_map(|(unit, millis)| {
            let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
            count.checked_mul(*millis).map(Duration::from_millis)
        });
        read.map(Self).ok_or_else(|| {
            format!("'{text}' is no length of time: a whole number with ms, s, m, h or d")
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let fits = |(_, unit): &&(&str, u64)| millis >= *unit && millis % unit == 0;
        let (unit, length) = UNITS[1..].iter().find(fits).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", millis / length)
    }
}

macro_rules! text_in_serde {
    ($($name:ident),+) => {
        $(
            impl TryFrom<String> for $name {
                type Error = String;
                fn try_from(text: String) -> Result<Self, String> {
                    text.parse()
                }
            }

            impl From<$name> for String {
                fn from(value: $name) -> Self {
                    value.to_string()
                }
            }
        )+
    };
}

text_in_serde!(Percent, Span);

macro_rules! plain_values {
    ($($name:ty),+) => {
        $(
            impl LimitValue for $name {
                fn read(text: &str) -> Result<Self, String> {
                    text.parse().map_err(|error| format!("{error}"))
                }

                fn show(&self) -> String {
                    self.to_string()
                }
            }
        )+
    };
}

plain_values!(Percent, Span, Quantity, Notional, u32, u64, bool);

fn read_set<T: Ord>(
    text: &str,
    what: &str,
    one: impl Fn(&str) -> Option<T>,
) -> Result<BTreeSet<T>, String> {
    let words = text.split(',').map(str::trim);
    words
        .map(|word| one(word).ok_or_else(|| format!("'{word}' is no {what}")))
        .collect()
}

fn show_set<T: fmt::Display>(set: &BTreeSet<T>) -> String {
    let words: Vec<String> = set.iter().map(ToString::to_string).collect();
    words.join(",")
}

macro_rules! sets {
    ($($item:ty, $what:literal, $one:expr);+ $(;)?) => {
        $(
            impl LimitValue for BTreeSet<$item> {
                fn read(text: &str) -> Result<Self, String> {
                    read_set(text, $what, $one)
                }

                fn show(&self) -> String {
                    show_set(self)
                }
            }
        )+
    };
}

sets! {
    Side, "side (BUY, SELL)", Side::from_word;
    OrderType, "order type, such as LIMIT", OrderType::from_word;
    Symbol, "symbol", |word| Symbol::new(word).ok();
}

/// Which of two values of a limit is stricter.
pub(super) trait Direction<T> {
    /// Whether everything that `new` lets pass, `old` lets pass too.
    fn is_within(new: &T, old: &T) -> bool;
    /// What both let pass.
    fn both(one: &T, other: &T) -> T;
}

/// The lower value is stricter.
pub(super) enum Lower {}
/// The higher value is stricter.
pub(super) enum Higher {}
/// The value that has less in it is stricter.
pub(super) enum Narrower {}
/// The value that has more in it is stricter.
pub(super) enum Wider {}

impl<T: Ord + Clone> Direction<T> for Lower {
    fn is_within(new: &T, old: &T) -> bool {
        new <= old
    }

    fn both(one: &T, other: &T) -> T {
        one.min(other).clone()
    }
}

impl<T: Ord + Clone> Direction<T> for Higher {
    fn is_within(new: &T, old: &T) -> bool {
        new >= old
    }

    fn both(one: &T, other: &T) -> T {
        one.max(other).clone()
    }
}

impl<T: Ord + Clone> Direction<BTreeSet<T>> for Narrower {
    fn is_within(new: &BTreeSet<T>, old: &BTreeSet<T>) -> bool {
        new.is_subset(old)
    }

    fn both(one: &BTreeSet<T>, other: &BTreeSet<T>) -> BTreeSet<T> {
        one.intersection(other).cloned().collect()
    }
}

impl<T: Ord + Clone> Direction<BTreeSet<T>> for Wider {
    fn is_within(new: &BTreeSet<T>, old: &BTreeSet<T>) -> bool {
        new.is_superset(old)
    }

    fn both(one: &BTreeSet<T>, other: &BTreeSet<T>) -> BTreeSet<T> {
        one.union(other).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_shown_as_it_is_read() {
        for text in ["0ms", "250ms", "2s", "90s", "5m", "24h", "3d"] {
            let shown = text.parse::<Span>().unwrap().to_string();
            assert_eq!(shown.parse::<Span>(), text.parse::<Span>(), "{text}");
        }
        assert_eq!("120s".parse::<Span>().unwrap().to_string(), "2m");
        for text in ["", "5", "s", "-1s", "1.5s", "99999999999999999999d", "1 s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_percentage_is_above_zero() {
        for text in ["0", "-1", "1e3", "", "x"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        assert_eq!(
            "0.5".parse::<Percent>().unwrap().above_one(),
            Some(Decimal::new(1005, 3))
        );
    }
}
