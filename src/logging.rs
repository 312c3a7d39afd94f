//! Logs: one line each on standard error, `2026-11-23T04:12:11.123Z WARN  gateway  text`, with the
//! actor that speaks. `RUST_LOG` decides what is shown.

use std::fmt;
use std::io::{self, Write};

use env_logger::fmt::Formatter;
use log::kv::{self, VisitSource};
use log::{LevelFilter, Record};

/// Starts logging at `level`, or as `RUST_LOG` says. A logger that is there already stays.
pub fn init(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env().format(line);
    if let Err(error) = builder.try_init() {
        log::debug!(actor = "logging"; "another logger is in place: {error}");
    }
}

fn line(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let time = out.timestamp_millis();
    let level = record.level();
    let style = out.default_level_style(level);
    let text = Text::of(record);
    writeln!(out, "{time} {style}{level:<5}{style:#} {text}")
}

/// The actor, the text, and what else the record carries.
struct Text<'r> {
    actor: String,
    record: &'r Record<'r>,
    rest: String,
}

impl<'r> Text<'r> {
    fn of(record: &'r Record<'r>) -> Self {
        let mut fields = Fields::default();
        if let Err(error) = record.key_values().visit(&mut fields) {
            fields.rest.push_str(&format!(" (fields: {error})"));
        }
        let actor = fields.actor.unwrap_or_else(|| record.target().to_owned());
        Self {
            actor,
            record,
            rest: fields.rest,
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}{}", self.actor, self.record.args(), self.rest)
    }
}

#[derive(Default)]
struct Fields {
    actor: Option<String>,
    rest: String,
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        if key.as_str() == "actor" {
            self.actor = Some(value.to_string());
        } else {
            self.rest.push_str(&format!(" {key}={value}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kvs: &[(&str, &str)]) -> String {
        let args = format_args!("it happened");
        let record = Record::builder()
            .args(args)
            .target("crate::module")
            .key_values(&kvs)
            .build();
        Text::of(&record).to_string()
    }

    #[test]
    fn a_line_names_the_actor_or_the_module_and_keeps_other_fields() {
        assert_eq!(text(&[("actor", "gateway")]), "gateway  it happened");
        assert_eq!(text(&[]), "crate::module  it happened");
        assert_eq!(
            text(&[("actor", "feed"), ("symbol", "BTCUSDT")]),
            "feed  it happened symbol=BTCUSDT"
        );
    }
}
