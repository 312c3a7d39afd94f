//! What the configurations of all strategies share: how they are read, and how their faults are told,
//! all at once.

use std::fmt;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer};
use toml::{Table, Value};

/// One key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The path of the key inside the strategy's configuration, such as `hedge.ratio` or `levels[1]`;
    /// empty for the configuration as a whole.
    pub key: String,
    /// What is wrong, with the value, and what would be right.
    pub problem: String,
}

impl ConfigFault {
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

/// The configuration of one kind of strategy.
pub trait Configuration: DeserializeOwned {
    /// A valid configuration as TOML, with every key that has no default.
    const EXAMPLE: &'static str;

    /// Everything that is wrong with values that each have the right type.
    fn validate(&self) -> Vec<ConfigFault>;
}

/// Reads a configuration.
///
/// # Errors
/// Every [`ConfigFault`] there is: keys that are not known, missing or of a wrong type, and values that
/// cannot be used.
pub fn read<C: Configuration>(config: Table) -> Result<C, Vec<ConfigFault>> {
    let error = match config.clone().try_into::<C>() {
        Ok(read) => {
            let faults = read.validate();
            return if faults.is_empty() {
                Ok(read)
            } else {
                Err(faults)
            };
        }
        Err(error) => error,
    };
    let mut faults = Vec::new();
    if let Ok(example) = C::EXAMPLE.parse::<Table>() {
        let mut probe = Probe::<C> {
            sound: example.clone(),
            example,
            faults: Vec::new(),
            kind: std::marker::PhantomData,
        };
        probe.table(&mut Vec::new(), &config);
        // Values that are of the right type are judged too, beside the example's in place of the rest.
        let sound = probe.sound.try_into::<C>().ok();
        faults = probe.faults;
        faults.extend(sound.iter().flat_map(Configuration::validate));
    }
    if faults.is_empty() {
        faults.push(ConfigFault::new("", error.message()));
    }
    Err(faults)
}

/// Holds each key for itself against the example: a reader stops at the first fault, people want all.
struct Probe<C> {
    example: Table,
    /// The example with every value of the configuration that has the right type.
    sound: Table,
    faults: Vec<ConfigFault>,
    kind: std::marker::PhantomData<C>,
}

impl<C: Configuration> Probe<C> {
    fn table(&mut self, path: &mut Vec<String>, config: &Table) {
        let example = inner(&mut self.example, path).cloned().unwrap_or_default();
        for (key, value) in config {
            match (value, example.get(key)) {
                (Value::Table(table), Some(Value::Table(_))) => {
                    path.push(key.clone());
                    self.table(path, table);
                    path.pop();
                }
                _ => self.value(path, key, value),
            }
        }
        for (key, value) in example.iter().filter(|(key, _)| !config.contains_key(*key)) {
            let mut without = self.example.clone();
            if let Some(table) = inner(&mut without, path) {
                table.remove(key);
            }
            if without.try_into::<C>().is_err() {
                let problem = format!("is missing; for example: {key} = {value}");
                self.faults
                    .push(ConfigFault::new(full_key(path, key), problem));
            }
        }
    }

    fn value(&mut self, path: &[String], key: &str, value: &Value) {
        let mut with = self.example.clone();
        if let Some(table) = inner(&mut with, path) {
            table.insert(key.to_owned(), value.clone());
        }
        match with.try_into::<C>() {
            Ok(_) => {
                if let Some(table) = inner(&mut self.sound, path) {
                    table.insert(key.to_owned(), value.clone());
                }
            }
            Err(error) => {
                let problem = error.message().trim().to_owned();
                self.faults
                    .push(ConfigFault::new(full_key(path, key), problem));
            }
        }
    }
}

fn inner<'a>(table: &'a mut Table, path: &[String]) -> Option<&'a mut Table> {
    path.iter().try_fold(table, |table, key| {
        table.get_mut(key).and_then(Value::as_table_mut)
    })
}

fn full_key(path: &[String], key: &str) -> String {
    path.iter()
        .map(|part| format!("{part}."))
        .chain([key.to_owned()])
        .collect()
}

/// A duration in a configuration: text with its unit, such as `"2s"` or `"250ms"`, so that nobody
/// mistakes seconds for milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl Period {
    /// The fault of a period outside `least` to `most`.
    pub(crate) fn check(self, key: &str, least: Duration, most: Duration) -> Option<ConfigFault> {
        let Self(given) = self;
        (given < least || given > most).then(|| {
            ConfigFault::new(
                key,
                format!("{given:?} is not between {least:?} and {most:?}"),
            )
        })
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Period;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with its unit in quotes, such as \"2s\" or \"250ms\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                let parsed = SpanParser::new().parse_unsigned_duration(text);
                parsed
                    .map(Period)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
