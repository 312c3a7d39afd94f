//! `tripline selfassess`: what controls an engine has, how they are set, and what became of them in a period, as one
//! report. It is made from the configuration, the journal and the reports of drills alone; RTS 6 (EU 2017/589),
//! Article 9, asks for such a thing once a year.

mod controls;
mod ledger;
mod text;

use std::path::Path;

use serde::Serialize;
use thiserror::Error;
use tripline_actors::journal::{Reader, verify};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltPolicy, Reaction};
use tripline_engine::journal::{Damage, JournalError, JournalState, Sequence};
use tripline_engine::time::Timestamp;

use crate::config::Config;
use crate::drill::DrillReport;

use controls::Control;
use ledger::Ledger;

/// The version of the report. A field is only added; anything else is a new version.
const VERSION: u32 = 1;

/// From when until when, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Period {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum AssessError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the journal is damaged: {0}; 'tripline journal verify' says more")]
    Damaged(#[from] Damage),
    #[error("{path}: {reason}")]
    Drill { path: String, reason: String },
}

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct Assessment {
    version: u32,
    /// The engine that made the report.
    engine: &'static str,
    account: String,
    live: bool,
    /// UTC, as all times here.
    from: String,
    to: String,
    /// SHA-256 of the configuration as it is now.
    configuration: String,
    journal: JournalFacts,
    controls: Vec<Control>,
    halts: Vec<HaltRow>,
    #[serde(flatten)]
    ledger: Ledger,
    drills: Vec<DrillReport>,
    /// What a person has to look at.
    findings: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct JournalFacts {
    records: u64,
    hash: String,
    intact: bool,
    findings: Vec<String>,
}

/// What a kind of fault does, as configured now.
#[derive(Debug, Clone, Serialize)]
struct HaltRow {
    kind: FaultKind,
    #[serde(flatten)]
    reaction: Reaction,
    /// Whether the configuration says so, instead of the default.
    configured: bool,
}

impl Assessment {
    /// Reads everything and adds it up.
    ///
    /// # Errors
    /// [`AssessError`].
    pub fn make(config: &Config, period: Period, drills: &Path) -> Result<Self, AssessError> {
        let verified = verify(&config.journal.file)?;
        let (mut ledger, mut state) = (Ledger::default(), JournalState::default());
        Reader::open(&config.journal.file)
            .map_err(AssessError::Journal)?
            .each(Sequence(1), Sequence(u64::MAX), |entry| {
                if entry.at <= period.to {
                    let record = entry.record()?;
                    state.apply(entry.at, &record);
                    if period.from <= entry.at {
                        ledger.take(entry.at, record);
                    }
                }
                Ok::<_, Damage>(())
            })?;
        let journal = JournalFacts {
            records: verified.stored + verified.waiting,
            hash: verified.hash.clone(),
            intact: verified.is_intact(),
            findings: verified.findings.iter().map(ToString::to_string).collect(),
        };
        let mut assessment = Self {
            version: VERSION,
            engine: env!("CARGO_PKG_VERSION"),
            account: config.engine.account.to_string(),
            live: config.engine.live,
            from: period.from.to_string(),
            to: period.to.to_string(),
            configuration: config.hash.clone(),
            journal,
            controls: controls::all(config, &state.limits),
            halts: halts(&config.engine.policy),
            ledger,
            drills: drilled(drills, period)?,
            findings: Vec::new(),
        };
        assessment.findings = assessment.found();
        Ok(assessment)
    }

    /// What a person has to look at.
    fn found(&self) -> Vec<String> {
        let mut found = self.journal.findings.clone();
        found.extend(self.ledger.found());
        let unset = self.controls.iter().filter(|control| !control.active);
        let unset: Vec<_> = unset.map(|control| control.id).collect();
        if self.live && !unset.is_empty() {
            found.push(format!("controls without a limit: {}", unset.join(", ")));
        }
        let lenient = self.halts.iter();
        let lenient = lenient.filter(|row| row.configured && row.reaction != Reaction::STRICT);
        let lenient: Vec<_> = lenient.map(|row| row.kind.as_str()).collect();
        if !lenient.is_empty() {
            found.push(format!(
                "faults that were told not to halt and cancel: {}",
                lenient.join(", ")
            ));
        }
        use crate::drill::Verdict::Passed;
        let with_a_person = self.drills.iter().filter(|drill| !drill.alone);
        if !with_a_person.clone().any(|drill| drill.verdict == Passed) {
            found.push("no drill with a person has passed: tripline drill".into());
        }
        found
    }

    /// The report for people, as Markdown.
    #[must_use]
    pub fn text(&self) -> String {
        text::text(self)
    }
}

fn halts(policy: &HaltPolicy) -> Vec<HaltRow> {
    let kinds = FaultKind::ALL.iter();
    let row = |kind: &FaultKind| HaltRow {
        kind: *kind,
        reaction: policy.reaction(*kind),
        configured: policy.reaction(*kind) != HaltPolicy::default().reaction(*kind),
    };
    kinds.map(row).collect()
}

/// The drills of the period, the oldest first. A drill that was not finished has no report.
fn drilled(folder: &Path, period: Period) -> Result<Vec<DrillReport>, AssessError> {
    let unfit = |path: &Path, reason: String| AssessError::Drill {
        path: path.display().to_string(),
        reason,
    };
    let listed = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| unfit(folder, error.to_string()))?,
    };
    let mut drills = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|error| unfit(folder, error.to_string()))?;
        let path = entry.path().join(DrillReport::FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            text => text.map_err(|error| unfit(&path, error.to_string()))?,
        };
        let drill: DrillReport =
            serde_json::from_str(&text).map_err(|error| unfit(&path, error.to_string()))?;
        let at = drill.at.parse::<jiff::Timestamp>();
        let at = at.map_err(|error| unfit(&path, format!("at '{}': {error}", drill.at)))?;
        if period.holds(Timestamp::from_millis(at.as_millisecond())) {
            drills.push(drill);
        }
    }
    drills.sort_by(|one, other| one.at.cmp(&other.at));
    Ok(drills)
}
