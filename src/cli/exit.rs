//! How the program ends.

use std::fmt::Display;
use std::process::ExitCode;

/// What the exit codes mean. They are stable: scripts and service managers rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It failed while running.
    Failed = 1,
    /// Wrong usage or configuration; nothing was started.
    Usage = 2,
    /// The engine stopped while something was still halted, or stands so now.
    Halted = 3,
    /// The engine stopped, and orders may be open at the venue.
    OrdersMayBeOpen = 4,
    /// The journal is damaged, or is none.
    Damaged = 5,
    /// The engine stopped, and an alert has reached nobody.
    Unheard = 6,
    /// A command to a running engine was not carried out: the engine refused it, or nobody confirmed it.
    NotDone = 7,
    /// A fault could be brought to nobody ([`tripline_actors::faults::EXIT_UNSEEN_FAULT`]).
    UnseenFault = 70,
    /// What tells a person was stuck, or everything ([`tripline_actors::watchdog::EXIT_STUCK`]).
    Stuck = 71,
}

impl Exit {
    pub const ALL: &'static [Self] = &[
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Halted,
        Self::OrdersMayBeOpen,
        Self::Damaged,
        Self::Unheard,
        Self::NotDone,
        Self::UnseenFault,
        Self::Stuck,
    ];

    /// The meaning of a code that an engine's report gives; what is not known is a failure.
    #[must_use]
    pub fn from_code(code: i32) -> Self {
        let known = Self::ALL
            .iter()
            .copied()
            .find(|exit| i32::from(u8::from(*exit)) == code);
        known.unwrap_or(Self::Failed)
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit as Self
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::from(exit))
    }
}

/// A command that did not do what it should: what to tell, and with which code to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// What, where, what to do. Never empty, except when nobody reads the output any more.
    pub message: String,
}

impl Failure {
    pub(super) fn usage(message: impl Display) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.to_string(),
        }
    }

    pub(super) fn refused(message: impl Display) -> Self {
        Self {
            exit: Exit::NotDone,
            message: message.to_string(),
        }
    }

    pub(super) fn failed(message: impl Display) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_unseen_fault_is_that_of_the_actors() {
        assert_eq!(
            Exit::from_code(tripline_actors::faults::EXIT_UNSEEN_FAULT),
            Exit::UnseenFault
        );
        assert_eq!(
            Exit::from_code(tripline_actors::watchdog::EXIT_STUCK),
            Exit::Stuck
        );
        assert_eq!(Exit::from_code(99), Exit::Failed);
    }
}
