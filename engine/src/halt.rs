//! The halt: a latch that stops orders at the socket, and the standing incidents behind it.
//!
//! A [`HaltBoard`] is shared by every actor. Setting a halt is a store that the gateway reads in the
//! same poll that hands an order's first byte to the socket, so that "after the latch" is exact.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::fault::{Fault, FaultKind, IncidentId};
use crate::ids::{AccountId, StrategyId, Symbol, VenueId};
use crate::messages::control::{RestingOrders, Resume};

/// Incidents that a scope keeps until it is resumed.
pub(crate) const INCIDENTS_KEPT: usize = 256;

/// Whom a fault or a halt concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Strategy(StrategyId),
    Instrument(Symbol),
    Account(AccountId),
    Venue(VenueId),
    Global,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strategy(id) => write!(f, "strategy {id}"),
            Self::Instrument(symbol) => write!(f, "instrument {symbol}"),
            Self::Account(id) => write!(f, "account {id}"),
            Self::Venue(id) => write!(f, "venue {id}"),
            Self::Global => f.write_str("everything"),
        }
    }
}

/// What is still allowed, strictest last.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HaltLevel {
    #[default]
    Active,
    /// No order that opens or enlarges a position.
    ReduceOnly,
    /// Cancels only.
    Halted,
}

impl fmt::Display for HaltLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::ReduceOnly => "reduce-only",
            Self::Halted => "halted",
        })
    }
}

/// The instruments that one strategy trades or follows. Cloning shares them: one that is added while the
/// engine runs counts in the gate, at the desk and in the safety actor at once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Symbol>", into = "Vec<Symbol>")]
pub struct Instruments(Arc<RwLock<BTreeSet<Symbol>>>);

impl Instruments {
    #[must_use]
    pub fn contains(&self, symbol: &Symbol) -> bool {
        let symbols = self.0.read().unwrap_or_else(PoisonError::into_inner);
        symbols.contains(symbol)
    }

    pub fn add(&self, symbol: Symbol) {
        let mut symbols = self.0.write().unwrap_or_else(PoisonError::into_inner);
        symbols.insert(symbol);
    }

    #[must_use]
    pub fn list(&self) -> Vec<Symbol> {
        let symbols = self.0.read().unwrap_or_else(PoisonError::into_inner);
        symbols.iter().copied().collect()
    }
}

impl PartialEq for Instruments {
    fn eq(&self, other: &Self) -> bool {
        self.list() == other.list()
    }
}

impl Eq for Instruments {}

impl FromIterator<Symbol> for Instruments {
    fn from_iter<T: IntoIterator<Item = Symbol>>(symbols: T) -> Self {
        Self(Arc::new(RwLock::new(symbols.into_iter().collect())))
    }
}

impl From<Vec<Symbol>> for Instruments {
    fn from(symbols: Vec<Symbol>) -> Self {
        symbols.into_iter().collect()
    }
}

impl From<Instruments> for Vec<Symbol> {
    fn from(instruments: Instruments) -> Self {
        instruments.list()
    }
}

/// The scopes that concern one strategy: its own, its account and venue, everything, and each
/// instrument it trades or follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub strategy: StrategyId,
    pub account: AccountId,
    pub venue: VenueId,
    pub instruments: Instruments,
}

impl Membership {
    /// Whether a halt of `scope` concerns this strategy.
    #[must_use]
    pub fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Strategy(id) => *id == self.strategy,
            Scope::Instrument(symbol) => self.instruments.contains(symbol),
            Scope::Account(id) => *id == self.account,
            Scope::Venue(id) => *id == self.venue,
            Scope::Global => true,
        }
    }
}

/// What a fault kind does to its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    pub level: HaltLevel,
    pub resting_orders: RestingOrders,
}

impl Reaction {
    /// The default: every fault halts and cancels.
    pub const STRICT: Self = Self {
        level: HaltLevel::Halted,
        resting_orders: RestingOrders::Cancel,
    };
}

/// Which reaction each fault kind has; what is not listed is strict.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HaltPolicy(BTreeMap<FaultKind, Reaction>);

impl HaltPolicy {
    #[must_use]
    pub fn with(mut self, kind: FaultKind, reaction: Reaction) -> Self {
        self.0.insert(kind, reaction);
        self
    }

    #[must_use]
    pub fn reaction(&self, kind: FaultKind) -> Reaction {
        self.0.get(&kind).copied().unwrap_or(Reaction::STRICT)
    }
}

/// A fault that was given a number and a reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub fault: Fault,
    pub reaction: Reaction,
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
    #[error("{scope} stays halted: the engine does not answer")]
    NoAnswer { scope: Scope },
}

#[derive(Debug, Default)]
struct Inner {
    /// How many scopes are above [`HaltLevel::Active`]: the fast path reads only this.
    restricted: AtomicUsize,
    next_incident: AtomicU64,
    scopes: Mutex<BTreeMap<Scope, Standing>>,
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
        let id = IncidentId(self.0.next_incident.fetch_add(1, Ordering::Relaxed) + 1);
        let reaction = policy.reaction(fault.kind);
        let incident = Incident {
            id,
            fault,
            reaction,
        };
        let mut scopes = self.scopes();
        let standing = scopes.entry(incident.fault.scope).or_default();
        standing.level = standing.level.max(reaction.level);
        standing.epoch += 1;
        // The first ones tell what happened; under a flood the epoch counts the rest.
        if standing.incidents.len() < INCIDENTS_KEPT {
            standing.incidents.push(incident.clone());
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

/// The last look before the socket: the board, asked for one strategy.
#[derive(Debug, Clone)]
pub struct Gate {
    board: HaltBoard,
    membership: Arc<Membership>,
}

impl Gate {
    #[must_use]
    pub fn new(board: HaltBoard, membership: Arc<Membership>) -> Self {
        Self { board, membership }
    }

    #[must_use]
    pub fn level(&self) -> HaltLevel {
        self.board.level(&self.membership)
    }

    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn fault(kind: FaultKind, scope: Scope) -> Fault {
        Fault {
            kind,
            scope,
            actor: "test".into(),
            detail: "made".into(),
            at: Timestamp::from_millis(1),
        }
    }

    fn member(strategy: &str, instruments: &[&str]) -> Membership {
        Membership {
            strategy: StrategyId::new(strategy).unwrap(),
            account: AccountId::new("main").unwrap(),
            venue: VenueId::new("binance").unwrap(),
            instruments: instruments
                .iter()
                .map(|symbol| Symbol::new(symbol).unwrap())
                .collect(),
        }
    }

    #[test]
    fn a_halt_reaches_exactly_the_strategies_in_its_scope() {
        let (a, b) = (member("a", &["BTCUSDT"]), member("b", &["ETHUSDT"]));
        let cases = [
            (Scope::Strategy(a.strategy), true, false),
            (
                Scope::Instrument(Symbol::new("ETHUSDT").unwrap()),
                false,
                true,
            ),
            (Scope::Account(a.account), true, true),
            (Scope::Venue(a.venue), true, true),
            (Scope::Global, true, true),
        ];
        for (scope, first, second) in cases {
            let board = HaltBoard::new();
            board.trip(fault(FaultKind::Network, scope), &HaltPolicy::default());
            let halted = |member| board.level(member) == HaltLevel::Halted;
            assert_eq!((halted(&a), halted(&b)), (first, second), "{scope}");
        }
    }

    #[test]
    fn the_strictest_level_applies_and_the_first_fault_is_kept() {
        let board = HaltBoard::new();
        let reduce = Reaction {
            level: HaltLevel::ReduceOnly,
            resting_orders: RestingOrders::Keep,
        };
        let policy = HaltPolicy::default().with(FaultKind::StaleData, reduce);
        let first = board.trip(fault(FaultKind::StaleData, Scope::Global), &policy);
        assert_eq!(board.level(&member("a", &[])), HaltLevel::ReduceOnly);
        board.trip(fault(FaultKind::Banned, Scope::Global), &policy);
        board.trip(fault(FaultKind::StaleData, Scope::Global), &policy);
        let standing = board.standing(&Scope::Global).unwrap();
        assert_eq!(
            (standing.level, &standing.incidents[0]),
            (HaltLevel::Halted, &first)
        );
    }

    #[test]
    fn a_flood_of_faults_keeps_the_first_and_counts_all() {
        let board = HaltBoard::new();
        let policy = HaltPolicy::default();
        let first = board.trip(fault(FaultKind::Network, Scope::Global), &policy);
        for _ in 0..1000 {
            board.trip(fault(FaultKind::Timeout, Scope::Global), &policy);
        }
        let standing = board.standing(&Scope::Global).unwrap();
        assert_eq!(
            (standing.incidents.len(), standing.epoch),
            (INCIDENTS_KEPT, 1001)
        );
        assert_eq!(standing.incidents[0], first);
    }

    #[test]
    fn a_restored_board_halts_and_counts_on() {
        let board = HaltBoard::new();
        let policy = HaltPolicy::default();
        let first = board.trip(fault(FaultKind::Network, Scope::Global), &policy);
        let restored = HaltBoard::restored(board.restricted(), first.id);
        assert_eq!(restored.level(&member("a", &[])), HaltLevel::Halted);
        let second = restored.trip(fault(FaultKind::Timeout, Scope::Global), &policy);
        assert_eq!(second.id, IncidentId(2));
        let standing = restored.standing(&Scope::Global).unwrap();
        assert_eq!(
            (standing.epoch, standing.incidents),
            (2, vec![first, second])
        );
    }

    #[test]
    fn a_resume_that_did_not_see_the_latest_incident_is_refused() {
        let board = HaltBoard::new();
        let policy = HaltPolicy::default();
        let incident = board.trip(fault(FaultKind::Network, Scope::Global), &policy);
        let mut resume = Resume {
            scope: Scope::Global,
            incidents: vec![incident.id],
            epoch: 1,
            reason: "checked".into(),
        };
        let later = board.trip(fault(FaultKind::Timeout, Scope::Global), &policy);
        assert_eq!(
            board.lift(&resume),
            Err(ResumeRefused::OtherEpoch {
                scope: Scope::Global,
                seen: 1,
                now: 2
            })
        );
        resume.epoch = 2;
        assert_eq!(
            board.lift(&resume),
            Err(ResumeRefused::NotNamed {
                scope: Scope::Global,
                id: later.id
            })
        );
        resume.incidents.push(later.id);
        assert_eq!(
            board.lift(&Resume {
                reason: " ".into(),
                ..resume.clone()
            }),
            Err(ResumeRefused::NoReason)
        );
        assert_eq!(board.lift(&resume), Ok(()));
        assert_eq!(board.level(&member("a", &[])), HaltLevel::Active);
        assert_eq!(
            board.lift(&resume),
            Err(ResumeRefused::NotHalted {
                scope: Scope::Global
            })
        );
    }
}
