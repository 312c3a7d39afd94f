//! A file that halts everything for as long as it is there: a way to order a halt that needs no program.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{HaltLevel, Scope};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::panics;

/// How often it is looked for.
const EVERY: Duration = Duration::from_millis(500);

/// So much of its text is told, in bytes.
const LONGEST: u64 = 1_000;

/// Where the file would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaltFile {
    path: PathBuf,
}

impl HaltFile {
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is there. Where that cannot be told, it counts as there.
    #[must_use]
    pub fn stands(&self) -> bool {
        match fs::symlink_metadata(&self.path) {
            Ok(_) => true,
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }

    /// What it says, in one line.
    fn text(&self) -> String {
        let mut bytes = Vec::new();
        // What is no plain file may block whoever reads it.
        let is_file = fs::metadata(&self.path).is_ok_and(|found| found.is_file());
        let read = match is_file {
            true => fs::File::open(&self.path)
                .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes)),
            false => Ok(0),
        };
        let text = String::from_utf8_lossy(&bytes);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match (read, text.is_empty()) {
            (Err(error), _) => format!("{} cannot be read: {error}", self.path.display()),
            (Ok(_), true) => format!("{} was created", self.path.display()),
            (Ok(_), false) => format!("{text} ({})", self.path.display()),
        }
    }
}

/// Looks for the file and halts everything when it appears.
pub struct HaltFileWatch {
    file: HaltFile,
    faults: Faults,
    clock: Clock,
    stood: bool,
}

impl HaltFileWatch {
    /// Looks for the first time: what is there already halts before anything is started.
    #[must_use]
    pub fn start(file: HaltFile, faults: Faults, clock: Clock) -> Self {
        let mut watch = Self {
            file,
            faults,
            clock,
            stood: false,
        };
        watch.look();
        watch
    }

    fn look(&mut self) {
        let stands = self.file.stands();
        let stood = std::mem::replace(&mut self.stood, stands);
        // It may have been removed, everything resumed, and the file made again between two looks.
        let standing = self.faults.board().standing(&Scope::Global);
        let level = standing.map(|standing| standing.level).unwrap_or_default();
        let is_lifted = level < HaltLevel::Halted;
        match (stood, stands) {
            (_, true) if !stood || is_lifted => {
                self.faults.halt(Fault {
                    kind: FaultKind::Manual,
                    scope: Scope::Global,
                    actor: "halt file".into(),
                    detail: self.file.text(),
                    at: self.clock.now(),
                });
            }
            (true, false) => {
                let path = self.file.path.display();
                log::warn!(actor = "halt file"; "{path} is gone: everything stays halted until a person resumes it");
            }
            _ => {}
        }
    }

    /// Goes on looking; never over.
    pub async fn keep_looking(mut self) {
        while !panics::endured(self.look_on()).await {}
    }

    async fn look_on(&mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.look();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tripline_engine::halt::{HaltBoard, HaltPolicy};

    use super::*;

    #[tokio::test]
    async fn a_file_halts_when_it_appears_and_its_text_is_the_reason() {
        let path = std::env::temp_dir().join(format!("tripline-{}.halt", std::process::id()));
        let file = HaltFile::new(path.clone());
        assert!(!file.stands());
        let (faults, mut incidents) =
            Faults::channel(HaltBoard::new(), HaltPolicy::default(), Arc::new(|_| {}));
        let clock = Clock::system();
        let mut watch = HaltFileWatch::start(file.clone(), faults.clone(), clock.clone());
        assert_eq!(faults.board().restricted(), []);
        fs::write(&path, "price feed\nlooks wrong\n").unwrap();
        watch.look();
        watch.look();
        let incident = incidents.try_recv().unwrap();
        assert_eq!(incident.fault.kind, FaultKind::Manual);
        let detail = incident.fault.detail;
        assert!(detail.starts_with("price feed looks wrong ("), "{detail}");
        assert!(incidents.try_recv().is_err(), "told once");
        let standing = faults.board().standing(&Scope::Global).unwrap();
        assert_eq!(standing.level, HaltLevel::Halted);
        drop(HaltFileWatch::start(file.clone(), faults.clone(), clock));
        assert!(incidents.try_recv().is_ok(), "it halts a start too");
        let resume = standing.resume(Scope::Global, "looked", "ann");
        let board = watch.faults.board().clone();
        assert!(
            board.lift(&resume).is_err(),
            "the start was one more incident"
        );
        let standing = board.standing(&Scope::Global).unwrap();
        board
            .lift(&standing.resume(Scope::Global, "looked", "ann"))
            .unwrap();
        watch.look();
        assert!(
            incidents.try_recv().is_ok(),
            "whatever was lifted while it is there"
        );
        fs::remove_file(&path).unwrap();
        watch.look();
        assert!(!file.stands());
    }
}
