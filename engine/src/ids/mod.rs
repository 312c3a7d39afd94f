//! Identities: short, copyable, checked when they are made.

mod used;

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

pub use used::UsedIds;

/// Why a text is not an identity of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{text}' is not a valid {what}: {rule}")]
pub struct IdError {
    pub what: &'static str,
    pub text: String,
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $capacity:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(ArrayString<$capacity>);

        impl $name {
            /// # Errors
            /// [`IdError`] naming the rule that the text breaks.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let valid: fn(char) -> bool = $valid;
                let refused = || IdError { what: $what, text: text.chars().take(48).collect(), rule: $rule };
                if text.is_empty() || !text.chars().all(valid) {
                    return Err(refused());
                }
                ArrayString::from(text).map(Self).map_err(|_| refused())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a ", $what, ": ", $rule))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

text_id!(
    /// Names one strategy of a run. It is written into every client order id, so it is short.
    StrategyId, "strategy id", 12,
    "1 to 12 characters of a-z, 0-9 and '_'",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
);
text_id!(
    /// Names one account at a venue in configuration, logs and alerts; never the venue's own account number.
    AccountId, "account id", 24,
    "1 to 24 characters of a-z, 0-9, '_' and '-'",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-'
);
text_id!(
    /// Names a venue, such as `binance`.
    VenueId, "venue id", 16,
    "1 to 16 characters of a-z, 0-9, '_' and '-'",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-'
);
text_id!(
    /// An instrument as the venue spells it, such as `BTCUSDT`. Binance has symbols outside ASCII
    /// (`这是测试币456` on the testnet), so letters of any script are taken; lower-case ASCII is not.
    Symbol, "symbol", 48,
    "1 to 48 bytes of upper-case letters and digits, as the venue spells it",
    |c| c.is_alphanumeric() && !c.is_ascii_lowercase() || c == '_' || c == '-' || c == '.'
);
text_id!(
    /// An asset, such as `BTC`.
    Asset, "asset", 32,
    "1 to 32 bytes of upper-case letters and digits",
    |c| c.is_alphanumeric() && !c.is_ascii_lowercase()
);
text_id!(
    /// The engine's (or another client's) own name of an order, and the key under which
    /// acknowledgements, events and queries meet. Binance takes `^[a-zA-Z0-9-_]{1,36}$`.
    ClientOrderId, "client order id", 36,
    "1 to 36 characters of a-z, A-Z, 0-9, '-' and '_' (Binance newClientOrderId)",
    |c| c.is_ascii_alphanumeric() || c == '-' || c == '_'
);
text_id!(
    /// One run of the engine: the start time in milliseconds, base 36, eight characters. Made by
    /// [`RunId::from_millis`], so that it does not depend on any file and later runs sort later.
    RunId, "run id", 8,
    "8 characters of 0-9 and a-z",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit()
);

const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

fn push_base36<const N: usize>(text: &mut ArrayString<N>, mut value: u64, least: usize) {
    let mut digits = [b'0'; 13];
    let mut at = digits.len();
    while value > 0 || digits.len() - at < least {
        at -= 1;
        digits[at] = BASE36[(value % 36) as usize];
        value /= 36;
    }
    for digit in &digits[at..] {
        text.push(char::from(*digit));
    }
}

impl RunId {
    /// The run that started at this Unix time in milliseconds. Eight base-36 digits last until the year 2059.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        let mut text = ArrayString::<8>::new();
        push_base36(&mut text, millis % 36u64.pow(8), 8);
        Self(text)
    }
}

/// What a client order id of ours says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderOrigin {
    pub strategy: StrategyId,
    pub run: RunId,
    /// Counts the orders of the strategy in the run, from 1, and its exits from [`OrderOrigin::FIRST_EXIT`].
    pub sequence: u64,
}

impl ClientOrderId {
    /// The id of a strategy's `sequence`-th order in a run: `t-<strategy>-<run>-<sequence>`, at most
    /// 2 + 12 + 1 + 8 + 1 + 12 = 36 characters. The same three parts always give the same id.
    #[must_use]
    pub fn of(origin: &OrderOrigin) -> Self {
        let mut text = ArrayString::<36>::new();
        text.push_str("t-");
        text.push_str(origin.strategy.as_str());
        text.push('-');
        text.push_str(origin.run.as_str());
        text.push('-');
        push_base36(&mut text, origin.sequence % 36u64.pow(12), 1);
        Self(text)
    }

    /// Whether it is that of an exit: an order of the engine's own that takes a strategy out of its position.
    #[must_use]
    pub fn is_exit(&self) -> bool {
        self.origin().is_some_and(|origin| origin.is_exit())
    }

    /// Strategy, run and sequence when the id is one of ours; `None` for orders placed by hand or by
    /// another program.
    #[must_use]
    pub fn origin(&self) -> Option<OrderOrigin> {
        let mut parts = self.0.strip_prefix("t-")?.split('-');
        let strategy = StrategyId::new(parts.next()?).ok()?;
        let run = RunId::new(parts.next()?)
            .ok()
            .filter(|run| run.as_str().len() == 8)?;
        let sequence = u64::from_str_radix(parts.next()?, 36).ok()?;
        let origin = OrderOrigin {
            strategy,
            run,
            sequence,
        };
        (parts.next().is_none() && Self::of(&origin) == *self).then_some(origin)
    }
}

/// Makes the client order ids of one strategy in one run, for actors that place orders themselves.
#[derive(Debug, Clone)]
pub struct OrderIds {
    last: OrderOrigin,
}

impl OrderIds {
    #[must_use]
    pub const fn new(strategy: StrategyId, run: RunId) -> Self {
        Self {
            last: OrderOrigin {
                strategy,
                run,
                sequence: 0,
            },
        }
    }

    /// The next id; never the same twice.
    pub fn next_id(&mut self) -> ClientOrderId {
        self.last.sequence += 1;
        ClientOrderId::of(&self.last)
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number_id!(
    /// The venue's number of an order, unique per symbol.
    VenueOrderId
);
number_id!(
    /// The venue's number of a trade, unique per symbol: the key by which a fill is delivered once.
    TradeId
);

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(sequence: u64) -> OrderOrigin {
        OrderOrigin {
            strategy: StrategyId::new("dynamic_quot").unwrap(),
            run: RunId::from_millis(1_795_000_000_000),
            sequence,
        }
    }

    #[test]
    fn a_client_order_id_fits_binances_rule_and_tells_strategy_run_and_sequence() {
        for sequence in [0, 1, 35, 36, 1_000_000, 36u64.pow(12) - 1] {
            let id = ClientOrderId::of(&origin(sequence));
            assert!(id.as_str().len() <= 36, "{id}");
            assert_eq!(ClientOrderId::new(id.as_str()), Ok(id));
            assert_eq!(id.origin(), Some(origin(sequence)));
        }
    }

    #[test]
    fn an_id_of_another_program_has_no_origin() {
        for text in [
            "web_1234",
            "t-",
            "t-a-b-c",
            "t-a-00000000-Z",
            "t-a-00000000-01",
            "x-HNA2TXFJ0",
        ] {
            assert_eq!(ClientOrderId::new(text).unwrap().origin(), None, "{text}");
        }
    }

    #[test]
    fn a_later_run_has_an_id_that_sorts_later() {
        assert!(RunId::from_millis(1_795_000_000_000) < RunId::from_millis(1_795_000_000_001));
    }

    #[test]
    fn wrong_characters_and_lengths_are_refused_with_the_rule() {
        assert!(
            StrategyId::new("Has Blank")
                .unwrap_err()
                .to_string()
                .contains("a-z, 0-9")
        );
        assert!(StrategyId::new("thirteen_char").is_err());
        assert!(ClientOrderId::new("a.b").is_err());
        assert!(Symbol::new("btcusdt").is_err());
        assert!(Symbol::new("这是测试币456").is_ok());
    }
}
