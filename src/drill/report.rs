//! What a drill has shown, as JSON and as text.

use serde::{Deserialize, Serialize};

use super::DrillFault;
use crate::running::ExitReport;

/// The version of the report. A field is only added; anything else is a new version.
const VERSION: u32 = 1;

/// How a step, or the whole drill, went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    Failed,
    /// A step before has failed, or the operator has broken it off.
    NotDone,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What has to happen.
    pub what: String,
    pub verdict: Verdict,
    /// What was seen, or what was missing.
    pub seen: String,
    pub took_ms: u64,
}

/// A whole drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillReport {
    pub version: u32,
    /// UTC.
    pub at: String,
    /// The engine's version.
    pub engine: String,
    /// SHA-256 of the configuration, in hexadecimal.
    pub configuration: String,
    /// Where it was done.
    pub venue: String,
    pub operator: String,
    /// Whether acknowledging and resuming was left to the program.
    pub alone: bool,
    pub fault: DrillFault,
    pub verdict: Verdict,
    pub steps: Vec<Step>,
}

impl DrillReport {
    /// The file of a report, in the folder of its drill.
    pub const FILE: &'static str = "drill.json";

    /// A drill of which nothing was done yet.
    #[must_use]
    pub fn new(
        at: String,
        configuration: String,
        venue: String,
        operator: String,
        fault: DrillFault,
        alone: bool,
    ) -> Self {
        Self {
            version: VERSION,
            at,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            configuration,
            venue,
            operator,
            alone,
            fault,
            verdict: Verdict::NotDone,
            steps: Vec::new(),
        }
    }

    /// The engine has stopped: what became of the whole drill.
    pub(super) fn stopped(&mut self, report: &ExitReport) {
        let (code, open) = (report.exit_code(), report.stop.open);
        let in_order = code == 0;
        self.steps.push(Step {
            what: "the engine stops, and no order is open".into(),
            verdict: match in_order {
                true => Verdict::Passed,
                false => Verdict::Failed,
            },
            seen: format!("exit code {code}, {open} orders open"),
            took_ms: 0,
        });
        let mut verdicts = self.steps.iter().map(|step| step.verdict);
        self.verdict = match () {
            () if verdicts.clone().all(|one| one == Verdict::Passed) => Verdict::Passed,
            () if verdicts.any(|one| one == Verdict::Failed) => Verdict::Failed,
            () => Verdict::NotDone,
        };
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "Fire drill of {} by {}: {} on {}\nengine {}, configuration {}\n",
            self.at,
            self.operator,
            self.fault.kind(),
            self.venue,
            self.engine,
            self.configuration.get(..12).unwrap_or(&self.configuration),
        );
        for (number, step) in (1..).zip(&self.steps) {
            text.push_str(&format!("{number:>3}  {}\n", step.line()));
        }
        let ending = match self.verdict {
            Verdict::Passed if self.alone => "PASSED, without a person: do it with one too",
            Verdict::Passed => "PASSED",
            Verdict::Failed => "FAILED",
            Verdict::NotDone => "BROKEN OFF",
        };
        text + ending + "\n"
    }
}

impl Step {
    /// One line for people.
    pub(super) fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::NotDone => "not done",
        };
        let Self { what, seen, .. } = self;
        let (seconds, tenths) = (self.took_ms / 1_000, self.took_ms % 1_000 / 100);
        format!("{verdict:<8} {seconds:>4}.{tenths} s  {what}: {seen}")
    }
}
