//! Flattening: taking the strategies of a halted scope out of their positions. An activity under a halt: the latch
//! is set first, every order of the scope is cancelled, the venue confirms that, and only then do exits go out, one
//! a position, never more than the position, until it is closed or cannot be.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::desk::exit::NoExit;
use crate::desk::{Effect, OrderDesk};
use crate::fault::{FaultKind, IncidentId};
use crate::halt::{INCIDENTS_KEPT, Incident, Scope};
use crate::ids::{ClientOrderId, StrategyId, Symbol};
use crate::journal::{Flattened, Left};
use crate::order::OrderState;
use crate::position::Position;
use crate::time::Timestamp;

/// How positions are closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlattenSettings {
    /// An exit trades at a price at most so many percent worse than the fresh reference price.
    pub collar_percent: Decimal,
    /// So many exits are sent for one position.
    pub attempts: u32,
    /// What is not closed so long after the cancels were confirmed is given up and told.
    pub within: Duration,
}

impl Default for FlattenSettings {
    fn default() -> Self {
        Self {
            collar_percent: Decimal::ONE,
            attempts: 5,
            within: Duration::from_secs(60),
        }
    }
}

/// One position on its way to flat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Exit {
    attempts: u32,
    /// The exit that was sent last.
    order: Option<ClientOrderId>,
    /// Why none was sent at the last look.
    waits: Option<String>,
    given_up: Option<String>,
}

/// A flatten that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flatten {
    pub scope: Scope,
    /// The incidents that ordered it, first one first.
    pub incidents: Vec<IncidentId>,
    pub started: Timestamp,
    /// When the venue had confirmed that no order of the scope is left.
    exiting_since: Option<Timestamp>,
    exits: BTreeMap<(StrategyId, Symbol), Exit>,
}

/// How a flatten stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlattenHealth {
    pub incidents: Vec<IncidentId>,
    /// The cancels are confirmed: exits go out.
    pub is_exiting: bool,
    /// What is not closed yet.
    pub left: Vec<Left>,
}

impl OrderDesk {
    /// How positions are closed.
    pub fn flatten_by(&mut self, settings: FlattenSettings) {
        self.flatten_settings = settings;
    }

    /// Starts to flatten the scope of a halt, or goes on with a flatten of it that is under way. The latch is set,
    /// and the sweep has begun.
    pub(super) fn flatten(&mut self, incident: &Incident, now: Timestamp, out: &mut Vec<Effect>) {
        let scope = incident.fault.scope;
        if incident.fault.kind != FaultKind::Manual && self.is_flattened(&scope) {
            // A flood of faults starts no second one: what it could not close the first one could not either.
            return self.note_flattened(scope, incident.id, out);
        }
        let known = self.flattens.iter_mut().find(|one| one.scope == scope);
        match known {
            Some(known) if known.incidents.contains(&incident.id) => {}
            Some(known) if known.incidents.len() >= INCIDENTS_KEPT => {}
            Some(known) => known.incidents.push(incident.id),
            None => self.flattens.push(Flatten {
                scope,
                incidents: vec![incident.id],
                started: now,
                exiting_since: None,
                exits: BTreeMap::new(),
            }),
        }
        self.flattened.remove(&scope);
        self.advance_flattens(now, out);
    }

    /// Whether a flatten under the same halt has ended, and everything is as it left it.
    fn is_flattened(&self, scope: &Scope) -> bool {
        let standing = self.board.standing(scope).unwrap_or_default();
        let stands = |id: &IncidentId| standing.incidents.iter().any(|one| one.id == *id);
        self.flattened.get(scope).is_some_and(|ended| {
            let left = ended.left.iter();
            let left: Vec<_> = left
                .map(|left| (left.strategy, left.symbol, left.net))
                .collect();
            ended.incidents.iter().any(stands) && left == self.held_in(scope)
        })
    }

    fn note_flattened(&mut self, scope: Scope, incident: IncidentId, out: &mut Vec<Effect>) {
        let standing = self.board.standing(&scope).unwrap_or_default();
        if !standing.incidents.iter().any(|one| one.id == incident) {
            return; // Of a flood: the next run knows nothing of it.
        }
        if let Some(ended) = self.flattened.get(&scope) {
            let noted = Flattened {
                incidents: vec![incident],
                exits: 0,
                ..ended.clone()
            };
            out.push(Effect::Record(noted.into()));
        }
    }

    /// Flattens that are under way, and what those have left that have ended in this run.
    pub fn flatten_health(&self) -> BTreeMap<Scope, FlattenHealth> {
        let under_way = self.flattens.iter().map(|flatten| {
            let health = FlattenHealth {
                incidents: flatten.incidents.clone(),
                is_exiting: flatten.exiting_since.is_some(),
                left: self.left_of(flatten),
            };
            (flatten.scope, health)
        });
        under_way.collect()
    }

    /// What flattens of this run have left, of those that have ended and whose scope is not resumed.
    pub fn flattened(&self) -> impl Iterator<Item = &Flattened> {
        self.flattened.values()
    }

    /// Goes on with every flatten. A stop of the engine leaves them to the next run.
    pub(super) fn advance_flattens(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.stopping {
            return;
        }
        for mut flatten in std::mem::take(&mut self.flattens) {
            if self.advance_flatten(&mut flatten, now, out) {
                self.end_flatten(flatten, out);
            } else {
                self.flattens.push(flatten);
            }
        }
    }

    /// `true` when nothing more is to be done.
    fn advance_flatten(
        &mut self,
        flatten: &mut Flatten,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> bool {
        let scope = flatten.scope;
        if self.sweeps.iter().any(|sweep| sweep.scope == scope) {
            return false;
        }
        let since = *flatten.exiting_since.get_or_insert(now);
        let is_late = now.saturating_since(since) > self.flatten_settings.within;
        let mut is_done = true;
        for (strategy, symbol, net) in self.held_in(&scope) {
            let exit = flatten.exits.entry((strategy, symbol)).or_default();
            if self.is_under_way(exit) {
                is_done = false;
                if is_late {
                    exit.waits = Some("an exit is still under way".into());
                }
                continue;
            }
            if exit.given_up.is_some() {
                continue;
            }
            self.take_note(exit);
            if is_late {
                exit.give_up_late(self.flatten_settings.within);
                continue;
            }
            is_done &= self.try_exit(exit, (strategy, symbol, net), now, out);
        }
        is_done && !self.is_to_change(&scope)
    }

    /// Whether a position of the scope may still change: fills of its orders are on their way, though all have ended.
    fn is_to_change(&self, scope: &Scope) -> bool {
        let mut unsettled = self.unsettled.iter().filter_map(|id| self.order(id));
        unsettled.any(|order| self.covers(scope, Some(order.strategy), Some(order.terms.symbol)))
    }

    /// One more exit of a position; `true` when there will be none.
    fn try_exit(
        &mut self,
        exit: &mut Exit,
        (strategy, symbol, net): (StrategyId, Symbol, Decimal),
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> bool {
        if exit.attempts >= self.flatten_settings.attempts {
            let attempts = exit.attempts;
            exit.given_up = Some(format!("{attempts} exits have not closed it"));
            return true;
        }
        match self.place_exit(strategy, symbol, net, now, out) {
            Ok(id) => {
                exit.attempts += 1;
                exit.order = Some(id);
                exit.waits = None;
                false
            }
            Err(NoExit::Wait(why)) => {
                exit.waits = Some(why);
                false
            }
            // What is on its way may make it large enough.
            Err(NoExit::Never(why)) if self.own(strategy, symbol).next().is_some() => {
                exit.waits = Some(why);
                false
            }
            Err(NoExit::Never(why)) => {
                exit.given_up = Some(why);
                true
            }
        }
    }

    /// Whether the exit that was sent last may still change the position.
    fn is_under_way(&self, exit: &Exit) -> bool {
        let entry = exit.order.and_then(|id| self.entries.get(&id));
        entry.is_some_and(|entry| !entry.order.is_settled())
    }

    /// An exit that was never sent does not count.
    fn take_note(&self, exit: &mut Exit) {
        let order = exit.order.take();
        let order = order.and_then(|id| self.order(&id));
        if order.is_some_and(|order| order.state == OrderState::Denied) {
            exit.attempts = exit.attempts.saturating_sub(1);
        }
    }

    /// Positions of the scope that are not flat. What the fees in its own asset took of a purchase is not there to
    /// be sold: a position of which nothing else is left is flat.
    fn held_in(&self, scope: &Scope) -> Vec<(StrategyId, Symbol, Decimal)> {
        let positions = self.positions.positions();
        let held = positions.filter(|(strategy, position)| {
            let (net, held) = (position.net(), position.held());
            let is_there = net < Decimal::ZERO || (net > Decimal::ZERO && held > Decimal::ZERO);
            is_there && self.is_held_in(scope, *strategy, position)
        });
        held.map(|(strategy, position)| (strategy, position.symbol(), position.net()))
            .collect()
    }

    fn is_held_in(&self, scope: &Scope, strategy: StrategyId, position: &Position) -> bool {
        self.covers(scope, Some(strategy), Some(position.symbol()))
    }

    fn left_of(&self, flatten: &Flatten) -> Vec<Left> {
        let left = self.held_in(&flatten.scope).into_iter();
        let left = left.map(|(strategy, symbol, net)| {
            let exit = flatten.exits.get(&(strategy, symbol));
            let why = exit.map_or_else(|| "its turn has not come".into(), Exit::stands);
            Left {
                strategy,
                symbol,
                net,
                why,
            }
        });
        left.collect()
    }

    fn end_flatten(&mut self, flatten: Flatten, out: &mut Vec<Effect>) {
        let left = self.left_of(&flatten);
        let report = Flattened {
            account: self.account,
            scope: flatten.scope,
            incidents: flatten.incidents,
            exits: flatten.exits.values().map(|exit| exit.attempts).sum(),
            left,
        };
        let strategies = flatten.exits.into_keys().map(|(strategy, _)| strategy);
        for strategy in strategies {
            self.board.end_flatten(strategy);
        }
        self.flattened.insert(report.scope, report.clone());
        out.push(Effect::Record(report.clone().into()));
        out.push(Effect::Flattened(report));
    }
}

impl Exit {
    fn give_up_late(&mut self, within: Duration) {
        let why = self.waits.take();
        let why = why.unwrap_or_else(|| "its exits did not close it".into());
        self.given_up = Some(format!("not closed within {within:?}: {why}"));
    }

    /// How it stands, in words.
    fn stands(&self) -> String {
        let told = self.given_up.as_ref().or(self.waits.as_ref());
        told.cloned()
            .unwrap_or_else(|| format!("exit {} is under way", self.attempts))
    }
}
