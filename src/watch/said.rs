//! What the watch says on standard output: a line for each event, as text or as JSON.

use std::io::{ErrorKind, Write};

use serde_json::{Value, json};
use tripline_actors::clock::Clock;

/// Says each event.
#[derive(Debug, Clone)]
pub struct Said {
    clock: Clock,
    as_json: bool,
}

impl Said {
    #[must_use]
    pub fn new(clock: Clock, as_json: bool) -> Self {
        Self { clock, as_json }
    }

    /// One line. As JSON it has `version`, `at`, `event`, `text` and the fields.
    pub(super) fn say(&self, event: &str, text: &str, fields: Value) {
        log::info!(actor = "watch"; "{text}");
        let line = match self.as_json {
            false => format!("{} {text}\n", self.clock.now()),
            true => {
                let at = self.clock.now().to_string();
                let mut line = json!({ "version": 1, "at": at, "event": event, "text": text });
                if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
                    line.extend(fields);
                }
                format!("{line}\n")
            }
        };
        let mut out = std::io::stdout().lock();
        let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            log::error!(actor = "watch"; "standard output cannot be written: {error}");
        }
    }
}
