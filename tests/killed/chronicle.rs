//! What the engine's journal tells, read as it grows, and what must be true of it at every moment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tripline_engine::halt::{HaltLevel, Scope};
use tripline_engine::ids::{ClientOrderId, RunId};
use tripline_engine::journal::{
    AlertStep, Filled, Intent, JournalRecord, JournalState, Reconciliation, Sequence,
};
use tripline_engine::time::Timestamp;

/// Everything that was read so far.
#[derive(Default)]
pub struct Chronicle {
    pub state: JournalState,
    /// Each order's intent, and whether it was written down while a halt forbade it.
    pub intents: BTreeMap<ClientOrderId, (Intent, bool)>,
    pub fills: Vec<(Sequence, Filled)>,
    pub runs: Vec<(Sequence, RunId)>,
    /// When this side and the venue agreed.
    pub agreed: Vec<Timestamp>,
    /// The halts of a scope that was active before, with what became of them.
    halts: Vec<(Sequence, Scope)>,
    told: Vec<(Sequence, String)>,
    end: Sequence,
    hash: String,
}

impl Chronicle {
    /// The first record that was not read yet, with the one before it.
    pub fn next(&self) -> u64 {
        self.end.0.max(1)
    }

    /// Takes what `journal export --from next` wrote.
    pub fn take(&mut self, exported: &str) {
        for line in exported.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let sequence = Sequence(line["sequence"].as_u64().unwrap());
            let hash = line["hash"].as_str().unwrap().to_owned();
            if sequence == self.end {
                assert_eq!(hash, self.hash, "record {sequence} has changed");
                continue;
            }
            assert_eq!(sequence.0, self.end.0 + 1, "a record is missing");
            let kind = line["kind"].as_str().unwrap();
            let record = JournalRecord::deserialize_payload(kind, &line["payload"]).unwrap();
            let at = Timestamp::from_nanos(line["nanos"].as_i64().unwrap());
            (self.end, self.hash) = (sequence, hash);
            self.record(sequence, at, &record);
        }
    }

    fn record(&mut self, sequence: Sequence, at: Timestamp, record: &JournalRecord) {
        match record {
            JournalRecord::RunStarted(started) => {
                let known = self.runs.iter().any(|(_, run)| *run == started.run);
                assert!(!known, "run {} was there before", started.run);
                self.runs.push((sequence, started.run));
            }
            JournalRecord::Intent(intent) => {
                let halted = self.is_halted(intent);
                let before = self.intents.insert(intent.id, (*intent, halted));
                assert!(before.is_none(), "{} is used twice", intent.id);
            }
            JournalRecord::Filled(filled) => self.fills.push((sequence, filled.clone())),
            JournalRecord::Reconciled(done) if done.outcome == Reconciliation::Agreed => {
                self.agreed.push(at);
            }
            JournalRecord::Halted(halted) => {
                let scope = halted.incident.fault.scope;
                if !self.standing().contains(&scope) {
                    self.halts.push((sequence, scope));
                }
            }
            JournalRecord::Alerted(alerted) => {
                if let AlertStep::Queued(alert) = &alerted.step {
                    self.told
                        .push((sequence, format!("{}\n{}", alert.title, alert.text)));
                }
            }
            _ => {}
        }
        self.state.apply(at, record);
    }

    /// The scopes in which nothing may be placed.
    pub fn standing(&self) -> BTreeSet<Scope> {
        let standing = self.state.halts.standing();
        standing
            .filter(|(_, standing)| standing.level == HaltLevel::Halted)
            .map(|(scope, _)| scope)
            .collect()
    }

    fn is_halted(&self, intent: &Intent) -> bool {
        self.standing().iter().any(|scope| match scope {
            Scope::Strategy(strategy) => *strategy == intent.strategy,
            Scope::Instrument(symbol) => *symbol == intent.terms.symbol,
            Scope::Account(account) => *account == intent.account,
            Scope::Venue(_) | Scope::Global => true,
        })
    }

    /// How many halts there were. Each was told to a person, or is due, in the run in which it came or in
    /// the next one.
    pub fn told_halts(&self) -> usize {
        for (sequence, scope) in &self.halts {
            let told = self
                .told
                .iter()
                .any(|(at, text)| at > sequence && text.contains(&scope.to_string()));
            assert!(
                told,
                "the halt of {scope} in record {sequence} was told to nobody"
            );
        }
        self.halts.len()
    }
}
