//! What the journal tells of halts: incidents minus resumes. Actors on several threads write them down,
//! so a record may come after one that it precedes; the epochs tell which is which.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::record::Halted;
use super::{Flattened, pairs};
use crate::fault::IncidentId;
use crate::halt::{HaltLevel, INCIDENTS_KEPT, Incident, Scope, Standing};
use crate::messages::control::Resume;

/// What is remembered of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScopeMemory {
    level: HaltLevel,
    /// Standing incidents with the epoch of each, in the order in which they were written down.
    incidents: Vec<(u64, Incident)>,
    epoch: u64,
    /// The last epoch that a person has seen and resumed.
    resumed: u64,
}

impl ScopeMemory {
    /// As a halt board has it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let incidents = self.incidents.iter();
        Standing {
            level: self.level,
            incidents: incidents.map(|(_, incident)| incident.clone()).collect(),
            epoch: self.epoch,
        }
    }

    fn halted(&mut self, halted: &Halted) {
        let Halted { incident, epoch } = halted;
        self.epoch = self.epoch.max(*epoch);
        if *epoch <= self.resumed {
            return; // Written down after the resume that has seen it.
        }
        let mut kept = self.incidents.iter().map(|(_, kept)| kept);
        let known = kept.clone().any(|kept| kept.id == incident.id);
        let is_stricter = incident.reaction.level > self.level;
        let has_room = is_stricter || self.incidents.len() < INCIDENTS_KEPT;
        if !known && has_room && !incident.repeats(kept.by_ref()) {
            self.incidents.push((*epoch, incident.clone()));
        }
        self.level = self.level.max(incident.reaction.level);
    }

    fn resumed(&mut self, epoch: u64) {
        if epoch <= self.resumed {
            return;
        }
        self.resumed = epoch;
        self.epoch = self.epoch.max(epoch);
        self.incidents.retain(|(of, _)| *of > epoch);
        let levels = self.incidents.iter().map(|(_, kept)| kept.reaction.level);
        let strictest = levels.max().unwrap_or_default();
        // An incident of a flood that was not kept has the level alone to stand for it.
        if self.epoch == epoch || !self.incidents.is_empty() {
            self.level = strictest;
        }
    }
}

/// All that is remembered of halts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HaltsMemory {
    #[serde(with = "pairs")]
    scopes: BTreeMap<Scope, ScopeMemory>,
    last_incident: u64,
    /// Standing incidents whose flatten has ended.
    #[serde(default)]
    flattened: BTreeSet<IncidentId>,
}

impl HaltsMemory {
    /// Every scope that an incident ever hit, with its epoch and what stands:
    /// [`HaltBoard::restored`](crate::halt::HaltBoard::restored) goes on from there.
    pub fn scopes(&self) -> impl Iterator<Item = (Scope, Standing)> {
        let scopes = self.scopes.iter();
        scopes.map(|(scope, memory)| (*scope, memory.standing()))
    }

    /// The scopes that are above active.
    pub fn standing(&self) -> impl Iterator<Item = (Scope, Standing)> {
        self.scopes()
            .filter(|(_, standing)| standing.level > HaltLevel::Active)
    }

    /// The highest number of an incident.
    #[must_use]
    pub fn last_incident(&self) -> IncidentId {
        IncidentId(self.last_incident)
    }

    /// Whether the flatten that an incident ordered has ended.
    #[must_use]
    pub fn is_flattened(&self, incident: IncidentId) -> bool {
        self.flattened.contains(&incident)
    }

    pub(super) fn flattened(&mut self, flattened: &Flattened) {
        self.flattened.extend(&flattened.incidents);
    }

    pub(super) fn halted(&mut self, halted: &Halted) {
        self.last_incident = self.last_incident.max(halted.incident.id.0);
        let scope = self.scopes.entry(halted.incident.fault.scope).or_default();
        scope.halted(halted);
    }

    pub(super) fn resumed(&mut self, resume: &Resume) {
        self.flattened.retain(|id| !resume.incidents.contains(id));
        self.scopes
            .entry(resume.scope)
            .or_default()
            .resumed(resume.epoch);
    }
}
