//! What is wrong with an exchange's configuration: everything at once, each with its key and what would
//! be right.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Symbol};

use crate::config::{AccountConfig, ExchangeConfig, InstrumentConfig};
use crate::faults::{FaultSpec, Known};
use crate::limits::LimitConfig;
use crate::model::LIMIT;

/// Decimals of every amount on the wire.
const DECIMALS: u32 = 8;

/// One key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The whole path of the key, such as `instruments[0].tick`.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[derive(Default)]
struct Found(Vec<ConfigFault>);

impl Found {
    fn note(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigFault {
            key: key.into(),
            problem: problem.into(),
        });
    }

    /// An amount that may not be zero; whether it is one.
    fn positive(&mut self, key: String, value: Decimal) -> bool {
        if value <= Decimal::ZERO || value > LIMIT {
            self.note(
                key,
                format!("{value} is not possible: give more than 0 and at most {LIMIT}"),
            );
            return false;
        }
        self.precise(key, value)
    }

    fn precise(&mut self, key: String, value: Decimal) -> bool {
        let decimals = value.normalize().scale();
        let fits = decimals <= DECIMALS;
        if !fits {
            self.note(
                key,
                format!("{value} has {decimals} decimals: give at most {DECIMALS}"),
            );
        }
        fits
    }

    fn count(&mut self, key: &str, value: i64, possible: RangeInclusive<i64>) {
        if !possible.contains(&value) {
            let (least, most) = (possible.start(), possible.end());
            self.note(
                key,
                format!("{value} is not possible: give {least} to {most}"),
            );
        }
    }
}

impl ExchangeConfig {
    /// # Errors
    /// Everything from which no exchange can be made, or one that does not do what the file says.
    /// Recordings are not opened.
    pub fn check(&self) -> Result<(), ConfigFaults> {
        let mut found = Found::default();
        accounts(&self.accounts, &mut found);
        instruments(&self.instruments, &mut found);
        for (field, problem) in self.market.synthetic.wrong() {
            found.note(format!("market.synthetic.{field}"), problem);
        }
        limits(&self.limits, &mut found);
        self.faults_of(&self.faults, &mut found);
        found.into_result()
    }

    /// Checks faults that stand in a file of their own.
    ///
    /// # Errors
    /// Those that would never act on this exchange.
    pub fn check_faults(&self, faults: &[FaultSpec]) -> Result<(), ConfigFaults> {
        let mut found = Found::default();
        self.faults_of(faults, &mut found);
        found.into_result()
    }

    fn faults_of(&self, faults: &[FaultSpec], found: &mut Found) {
        let symbols: Vec<Symbol> = self
            .instruments
            .iter()
            .filter_map(|each| each.symbol().ok())
            .collect();
        let accounts: Vec<AccountId> = self.accounts.iter().map(|each| each.id).collect();
        let known = Known {
            symbols: &symbols,
            accounts: &accounts,
        };
        for (at, fault) in faults.iter().enumerate() {
            let checked = fault.check(&known).and_then(|()| fault.check_at_start());
            if let Err(error) = checked {
                found.note(format!("faults[{at}]"), error.to_string());
            }
        }
    }
}

impl Found {
    fn into_result(self) -> Result<(), ConfigFaults> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ConfigFaults(self.0))
        }
    }
}

fn accounts(accounts: &[AccountConfig], found: &mut Found) {
    let (mut ids, mut api_keys) = (BTreeSet::new(), BTreeSet::new());
    for (at, each) in accounts.iter().enumerate() {
        let key = |field: &str| format!("accounts[{at}].{field}");
        if !ids.insert(each.id) {
            let problem = format!(
                "{} is there twice: give each account an id of its own",
                each.id
            );
            found.note(key("id"), problem);
        }
        for (asset, amount) in &each.balances {
            let place = key(&format!("balances.{asset}"));
            if (Decimal::ZERO..=LIMIT).contains(amount) {
                found.precise(place, *amount);
            } else {
                let problem = format!("{amount} is not possible: give 0 to {LIMIT}");
                found.note(place, problem);
            }
        }
        let rates = [
            ("maker_commission", each.maker_commission),
            ("taker_commission", each.taker_commission),
        ];
        for (field, rate) in rates {
            if !(Decimal::ZERO..Decimal::ONE).contains(&rate) {
                let problem = format!(
                    "{rate} is not possible: give a fraction of what is received, \"0\" to less than \"1\", such as \"0.001\""
                );
                found.note(key(field), problem);
            }
        }
        let possible = Decimal::ZERO..=Decimal::ONE;
        if let Some(factor) = each
            .bnb_discount
            .filter(|factor| !possible.contains(factor))
        {
            let problem = format!(
                "{factor} is not possible: give \"0\" to \"1\", such as \"0.75\" for a quarter off"
            );
            found.note(key("bnb_discount"), problem);
        }
        for (index, api) in each.keys.iter().enumerate() {
            let place = key(&format!("keys[{index}]"));
            if api.api_key.is_empty() {
                found.note(place.as_str(), "api_key is empty: give any text");
            }
            if let Err(error) = api.verifier() {
                found.note(place.as_str(), error.to_string());
            }
            if !api_keys.insert(&api.api_key) {
                let problem = format!(
                    "api_key '{}' is there twice: a key belongs to one account",
                    api.api_key
                );
                found.note(place, problem);
            }
        }
    }
}

fn instruments(instruments: &[InstrumentConfig], found: &mut Found) {
    let mut symbols = BTreeSet::new();
    for (at, each) in instruments.iter().enumerate() {
        let key = |field: &str| format!("instruments[{at}].{field}");
        match each.symbol() {
            Ok(symbol) if symbols.insert(symbol) => {}
            Ok(symbol) => {
                let problem =
                    format!("{symbol} is there twice: remove one, or give it another symbol");
                found.note(key("symbol"), problem);
            }
            Err(error) => found.note(key("symbol"), error.to_string()),
        }
        if each.base == each.quote {
            let problem = format!("{} is the base already: give another asset", each.quote);
            found.note(key("quote"), problem);
        }
        let amounts = [
            ("tick", each.tick.value()),
            ("step", each.step.value()),
            ("max_price", each.max_price.value()),
            ("max_quantity", each.max_quantity.value()),
            ("max_market_quantity", each.max_market_quantity.value()),
            ("max_notional", each.max_notional().value()),
            ("last_price", each.last_price.value()),
        ];
        let mut possible = true;
        for (field, value) in amounts {
            possible &= found.positive(key(field), value);
        }
        possible &= found.precise(key("min_notional"), each.min_notional.value());
        if possible {
            relations(each, key, found);
        }
    }
}

/// Between amounts that are possible each for itself.
fn relations(each: &InstrumentConfig, key: impl Fn(&str) -> String, found: &mut Found) {
    let (tick, last, most) = (each.tick, each.last_price, each.max_price);
    if last < tick || last > most {
        let problem = format!("{last} is outside of {tick} (tick) to {most} (max_price)");
        found.note(key("last_price"), problem);
    } else if !(last.value() % tick.value()).is_zero() {
        let problem = format!("{last} is no multiple of the tick {tick}");
        found.note(key("last_price"), problem);
    }
    let quantities = [
        ("max_quantity", each.max_quantity),
        ("max_market_quantity", each.max_market_quantity),
    ];
    for (field, quantity) in quantities {
        if quantity < each.step {
            let problem = format!("{quantity} is less than the step {}", each.step);
            found.note(key(field), problem);
        }
    }
    if each.min_notional > each.max_notional() {
        let problem = format!(
            "{} is more than max_notional, which is {}",
            each.min_notional,
            each.max_notional()
        );
        found.note(key("min_notional"), problem);
    }
}

fn limits(config: &LimitConfig, found: &mut Found) {
    let at_least_one = [
        ("weight_per_minute", config.weight_per_minute),
        ("raw_per_5_minutes", config.raw_per_5_minutes),
        ("orders_per_10_seconds", config.orders_per_10_seconds),
        ("orders_per_day", config.orders_per_day),
        (
            "connections_per_5_minutes",
            config.connections_per_5_minutes,
        ),
        (
            "stream_messages_per_second",
            config.stream_messages_per_second,
        ),
    ];
    for (field, value) in at_least_one {
        found.count(
            &format!("limits.{field}"),
            value.into(),
            1..=i64::from(u32::MAX),
        );
    }
    let streams = i64::try_from(config.streams_per_connection).unwrap_or(i64::MAX);
    found.count(
        "limits.streams_per_connection",
        streams,
        1..=i64::from(u32::MAX),
    );
    found.count("limits.ban_seconds", config.ban_seconds, 1..=3 * 86_400);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let config = ExchangeConfig::from_toml(text).unwrap();
        let faults = config.check().err().map(|faults| faults.0);
        let faults = faults.unwrap_or_default();
        faults.iter().map(ToString::to_string).collect()
    }

    /// One instrument, with these lines in the place of the usual ones.
    fn instrument(lines: &str) -> String {
        let mut text = String::from("[[instruments]]\n");
        let usual = [
            ("base", "'BTC'"),
            ("quote", "'USDT'"),
            ("tick", "'0.01'"),
            ("step", "'0.00001'"),
            ("max_price", "'1000000'"),
            ("max_quantity", "'9000'"),
            ("max_market_quantity", "'100'"),
            ("min_notional", "'5'"),
            ("last_price", "'60000'"),
        ];
        for (key, value) in usual {
            if !lines.lines().any(|line| line.starts_with(key)) {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text + lines
    }

    #[test]
    fn what_an_instrument_cannot_be_is_told_with_its_key_and_what_would_be_right() {
        let cases = [
            (
                "tick = '0'",
                "instruments[0].tick: 0 is not possible: give more than 0",
            ),
            (
                "step = '0.000000001'",
                "instruments[0].step: 0.000000001 has 9 decimals: give at most 8",
            ),
            (
                "last_price = '0'",
                "instruments[0].last_price: 0 is not possible",
            ),
            (
                "last_price = '60000.005'",
                "instruments[0].last_price: 60000.005 is no multiple of the tick 0.01",
            ),
            (
                "last_price = '2000000'",
                "instruments[0].last_price: 2000000 is outside of 0.01 (tick) to 1000000",
            ),
            (
                "max_quantity = '0.000001'",
                "instruments[0].max_quantity: 0.000001 is less than the step",
            ),
            (
                "max_price = '1000000000000'",
                "instruments[0].max_price: 1000000000000 is not possible",
            ),
            (
                "max_notional = '4'",
                "instruments[0].min_notional: 5 is more than max_notional, which is 4",
            ),
            (
                "quote = 'BTC'",
                "instruments[0].quote: BTC is the base already",
            ),
        ];
        assert_eq!(problems(&instrument("")), [""; 0]);
        for (line, problem) in cases {
            let found = problems(&instrument(line));
            assert!(
                found.len() == 1 && found[0].starts_with(problem),
                "{line}: {found:#?}"
            );
        }
        let twice = format!("{}\n{}", instrument(""), instrument(""));
        assert_eq!(
            problems(&twice),
            [
                "instruments[1].symbol: BTCUSDT is there twice: remove one, or give it another symbol"
            ]
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let text = r#"
            faults = [
                { kind = "overloaded", symbol = "XRPUSDT" },
                { kind = "disconnect" },
                { kind = "disconnect", after_ms = 5 },
            ]
            [[accounts]]
            id = "a"
            balances = { ETH = "-1", BTC = "0.000000001", USDT = "100000000001" }
            taker_commission = "1"
            bnb_discount = "1.5"
            keys = [{ api_key = "k" }, { api_key = "", secret = "s" }, { api_key = "p", public_key = "x" }]
            [[accounts]]
            id = "a"
            balances = {}
            keys = [{ api_key = "k", secret = "s" }]
            [market.synthetic]
            updates_per_second = nan
            levels = 0
            level_value = -1.0
            [limits]
            weight_per_minute = 0
            ban_seconds = -1
        "#;
        let found = problems(text);
        let expected = [
            "accounts[0].balances.BTC: 0.000000001 has 9 decimals",
            "accounts[0].balances.ETH: -1 is not possible: give 0 to 100000000000",
            "accounts[0].balances.USDT: 100000000001 is not possible",
            "accounts[0].taker_commission: 1 is not possible",
            "accounts[0].bnb_discount: 1.5 is not possible",
            "accounts[0].keys[0]: key 'k' needs either `secret` (HMAC) or `public_key` (Ed25519)",
            "accounts[0].keys[1]: api_key is empty",
            "accounts[0].keys[2]: key 'p': 'x' is no Ed25519 public key",
            "accounts[1].id: a is there twice",
            "accounts[1].keys[0]: api_key 'k' is there twice",
            "market.synthetic.updates_per_second: NaN is not possible: give 0 to 10000",
            "market.synthetic.levels: 0 is not possible: give 1 to 5000",
            "market.synthetic.level_value: -1 is not possible",
            "limits.weight_per_minute: 0 is not possible: give 1 to",
            "limits.ban_seconds: -1 is not possible: give 1 to 259200",
            "faults[0]: overloaded: 'XRPUSDT' is no `symbol`; want BTCUSDT, ETHUSDT",
            "faults[1]: disconnect acts when it is set, and at the start nobody is connected: give `after_ms`",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
