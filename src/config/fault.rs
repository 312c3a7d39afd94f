//! What is wrong with a configuration: every fault at once, each with its key, its line and advice.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// One key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFault {
    /// The whole path of the key, such as `strategy[1].config.levels[0]`; empty for the file itself.
    pub key: String,
    /// The line in the file, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong, with the value unless that could be a secret.
    pub problem: String,
    /// What would be right.
    pub advice: Option<String>,
}

impl ConfigFault {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            line: None,
            problem: problem.into(),
            advice: None,
        }
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(crate) fn at(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigFaults(Vec<ConfigFault>);

impl ConfigFaults {
    /// Sorted by line; what concerns no line stands first.
    pub(crate) fn of(mut faults: Vec<ConfigFault>) -> Self {
        faults.sort_by_key(|fault| fault.line);
        faults.dedup();
        Self(faults)
    }

    #[must_use]
    pub fn all(&self) -> &[ConfigFault] {
        &self.0
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}
