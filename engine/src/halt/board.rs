//! The latch itself, shared by every actor, and the gate that looks at it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Amiss, HaltLevel, HaltPolicy, Membership, Purpose, Reaction, Scope};
use crate::fault::{Fault, FaultKind, IncidentId};
use crate::ids::StrategyId;
use crate::messages::control::Resume;

/// Incidents that a scope keeps until it is resumed.
pub(crate) const INCIDENTS_KEPT: usize = 256;

/// A fault that was given a number and a reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub fault: Fault,
    pub reaction: Reaction,
}

impl Incident {
    /// Whether it halts nothing, and one of its kind that halts nothing is among these already. No resume ever ends
    /// such ones: each kind has one, so that they never take the place of what halts.
    pub(crate) fn repeats<'a>(&self, mut known: impl Iterator<Item = &'a Self>) -> bool {
        let halts_nothing = |one: &Self| one.reaction.level == HaltLevel::Active;
        halts_nothing(self)
            && known.any(|one| halts_nothing(one) && one.fault.kind == self.fault.kind)
    }
}

/// The halt of one scope: the strictest level and its standing incidents, first fault first (the first
/// 256 of a flood).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    pub level: HaltLevel,
    pub incidents: Vec<Incident>,
    /// Counts the incidents that ever hit the scope; a resume names the one it saw.
    pub epoch: u64,
}

impl Standing {
    /// After how long of good order the halt is lifted by itself; `None` where a person does that. Every standing
    /// incident must be of such a kind, the ones of a flood included, which are counted and not kept.
    #[must_use]
    pub fn resumes_after(&self) -> Option<Duration> {
        let is_whole = !self.incidents.is_empty() && self.incidents.len() < INCIDENTS_KEPT;
        let mut longest = Duration::ZERO;
        for incident in &self.incidents {
            let reaction = incident.reaction;
            if reaction.level == HaltLevel::Active {
                continue; // It only tells.
            }
            let after = reaction.resumes_after?;
            if reaction.flattens() || !incident.fault.kind.is_of_market() {
                return None;
            }
            longest = longest.max(after);
        }
        is_whole.then_some(longest)
    }

    /// The resume of all that stands here.
    #[must_use]
    pub fn resume(
        &self,
        scope: Scope,
        reason: impl Into<String>,
        who: impl Into<String>,
    ) -> Resume {
        Resume {
            scope,
            incidents: self.incidents.iter().map(|one| one.id).collect(),
            epoch: self.epoch,
            reason: reason.into(),
            who: who.into(),
        }
    }
}

/// Why a resume is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResumeRefused {
    #[error("{scope} is not halted")]
    NotHalted { scope: Scope },
    #[error("{scope} is at epoch {now}, not {seen}: look again, there was a further incident")]
    OtherEpoch { scope: Scope, seen: u64, now: u64 },
    #[error("incident {id} of {scope} was not named: look again")]
    NotNamed { scope: Scope, id: IncidentId },
    #[error("a resume needs a reason")]
    NoReason,
    #[error("{scope} stays halted: orders were not reconciled with the venue: {reason}")]
    NotReconciled { scope: Scope, reason: String },
    #[error("{scope} stays halted: {}", list(amiss))]
    NotInOrder { scope: Scope, amiss: Vec<Amiss> },
    #[error("{scope} stays halted as long as {path} is there: remove the file")]
    HaltFile { scope: Scope, path: String },
    #[error("{scope} stays halted: the engine does not answer")]
    NoAnswer { scope: Scope },
}

fn list(amiss: &[Amiss]) -> String {
    let amiss: Vec<_> = amiss.iter().map(ToString::to_string).collect();
    amiss.join("; ")
}

#[derive(Debug, Default)]
struct Inner {
    /// How many scopes are above [`HaltLevel::Active`]: the fast path reads only this.
    restricted: AtomicUsize,
    next_incident: AtomicU64,
    scopes: Mutex<BTreeMap<Scope, Standing>>,
    /// Strategies that the engine is taking out of their positions.
    flattening: Mutex<BTreeSet<StrategyId>>,
}

/// The shared latch. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct HaltBoard(Arc<Inner>);

impl HaltBoard {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A board that goes on where an earlier run stopped: its halts stand, its epochs and incidents are
    /// counted on.
    #[must_use]
    pub fn restored(
        scopes: impl IntoIterator<Item = (Scope, Standing)>,
        last_incident: IncidentId,
    ) -> Self {
        let board = Self::default();
        *board.scopes() = scopes.into_iter().collect();
        board.count(&board.scopes());
        board
            .0
            .next_incident
            .store(last_incident.0, Ordering::Relaxed);
        board
    }

    fn scopes(&self) -> MutexGuard<'_, BTreeMap<Scope, Standing>> {
        // A poisoned lock means that a thread panicked while it held a plain map: the map is whole,
        // and refusing to halt because of it would be the worse failure.
        self.0.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the fault as an incident and sets the latch of its scope. When this returns, no order
    /// of the scope is handed to a socket any more.
    pub fn trip(&self, fault: Fault, policy: &HaltPolicy) -> Incident {
        let reaction = policy.reaction(fault.kind);
        self.trip_as(fault, reaction)
    }

    /// The same with a reaction of its own, as a person orders it.
    pub fn trip_as(&self, mut fault: Fault, reaction: Reaction) -> Incident {
        if let Some(wider) = reaction
            .scope
            .filter(|wider| wider.width() > fault.scope.width())
        {
            fault.detail = format!("{}: {}", fault.scope, fault.detail);
            fault.scope = wider;
        }
        let id = IncidentId(self.0.next_incident.fetch_add(1, Ordering::Relaxed) + 1);
        let incident = Incident {
            id,
            fault,
            reaction,
        };
        let mut scopes = self.scopes();
        let standing = scopes.entry(incident.fault.scope).or_default();
        if !incident.repeats(standing.incidents.iter()) {
            standing.epoch += 1;
            // The first ones tell what happened; under a flood the epoch counts the rest.
            let is_stricter = reaction.level > standing.level;
            if is_stricter || standing.incidents.len() < INCIDENTS_KEPT {
                standing.incidents.push(incident.clone());
            }
            standing.level = standing.level.max(reaction.level);
        }
        self.count(&scopes);
        incident
    }

    fn count(&self, scopes: &BTreeMap<Scope, Standing>) {
        let restricted = scopes
            .values()
            .filter(|standing| standing.level > HaltLevel::Active)
            .count();
        self.0.restricted.store(restricted, Ordering::SeqCst);
    }

    /// The strictest level of all scopes that concern the strategy.
    #[must_use]
    pub fn level(&self, membership: &Membership) -> HaltLevel {
        if self.0.restricted.load(Ordering::SeqCst) == 0 {
            return HaltLevel::Active;
        }
        let scopes = self.scopes();
        let concerned = scopes.iter().filter(|(scope, _)| membership.is_in(scope));
        concerned
            .map(|(_, standing)| standing.level)
            .max()
            .unwrap_or_default()
    }

    fn flattening(&self) -> MutexGuard<'_, BTreeSet<StrategyId>> {
        // As with the scopes, the set is whole.
        let flattening = self.0.flattening.lock();
        flattening.unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on exits of the strategy are let through, until [`HaltBoard::end_flatten`].
    pub fn begin_flatten(&self, strategy: StrategyId) {
        self.flattening().insert(strategy);
    }

    pub fn end_flatten(&self, strategy: StrategyId) {
        self.flattening().remove(&strategy);
    }

    #[must_use]
    pub fn is_flattening(&self, strategy: StrategyId) -> bool {
        self.flattening().contains(&strategy)
    }

    /// The standing of a scope, when an incident ever hit it.
    #[must_use]
    pub fn standing(&self, scope: &Scope) -> Option<Standing> {
        self.scopes().get(scope).cloned()
    }

    /// Whether a fault of this kind is among the incidents that the person has seen.
    #[must_use]
    pub fn has_seen(&self, resume: &Resume, kind: FaultKind) -> bool {
        let standing = self.standing(&resume.scope).unwrap_or_default();
        let mut seen = standing.incidents.iter();
        seen.any(|one| one.fault.kind == kind && resume.incidents.contains(&one.id))
    }

    /// Every scope that is above active.
    #[must_use]
    pub fn restricted(&self) -> Vec<(Scope, Standing)> {
        let scopes = self.scopes();
        let restricted = scopes
            .iter()
            .filter(|(_, standing)| standing.level > HaltLevel::Active);
        restricted
            .map(|(scope, standing)| (*scope, standing.clone()))
            .collect()
    }

    /// Whether the resume names all that stands.
    ///
    /// # Errors
    /// [`ResumeRefused`].
    pub fn check(&self, resume: &Resume) -> Result<(), ResumeRefused> {
        check(&self.scopes(), resume)
    }

    /// Lifts the halt of a scope, if the resume names all that stands.
    ///
    /// # Errors
    /// [`ResumeRefused`]; the halt stays.
    pub fn lift(&self, resume: &Resume) -> Result<(), ResumeRefused> {
        let mut scopes = self.scopes();
        check(&scopes, resume)?;
        if let Some(standing) = scopes.get_mut(&resume.scope) {
            standing.level = HaltLevel::Active;
            standing.incidents.clear();
        }
        self.count(&scopes);
        Ok(())
    }
}

fn check(scopes: &BTreeMap<Scope, Standing>, resume: &Resume) -> Result<(), ResumeRefused> {
    let scope = resume.scope;
    if resume.reason.trim().is_empty() {
        return Err(ResumeRefused::NoReason);
    }
    let standing = scopes
        .get(&scope)
        .filter(|standing| standing.level > HaltLevel::Active)
        .ok_or(ResumeRefused::NotHalted { scope })?;
    if standing.epoch != resume.epoch {
        return Err(ResumeRefused::OtherEpoch {
            scope,
            seen: resume.epoch,
            now: standing.epoch,
        });
    }
    let mut incidents = standing.incidents.iter();
    match incidents.find(|incident| !resume.incidents.contains(&incident.id)) {
        Some(incident) => Err(ResumeRefused::NotNamed {
            scope,
            id: incident.id,
        }),
        None => Ok(()),
    }
}

/// The last look before the socket: the board, asked for one strategy and for what its order is for.
#[derive(Debug, Clone)]
pub struct Gate {
    board: HaltBoard,
    membership: Arc<Membership>,
    purpose: Purpose,
}

impl Gate {
    /// The gate for entries, which is the strictest.
    #[must_use]
    pub fn new(board: HaltBoard, membership: Arc<Membership>) -> Self {
        Self {
            board,
            membership,
            purpose: Purpose::Entry,
        }
    }

    /// The gate for orders that are for something else.
    #[must_use]
    pub fn to(&self, purpose: Purpose) -> Self {
        Self {
            purpose,
            ..self.clone()
        }
    }

    #[must_use]
    pub fn level(&self) -> HaltLevel {
        self.board.level(&self.membership)
    }

    /// The level that holds the order back; `None` where it may go.
    #[must_use]
    pub fn held(&self) -> Option<HaltLevel> {
        let level = self.level();
        let is_exit = self.purpose == Purpose::Exit;
        let flattens = is_exit && self.board.is_flattening(self.membership.strategy);
        (!level.lets(self.purpose, flattens)).then_some(level)
    }

    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }
}
