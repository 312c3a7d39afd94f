//! The desk and its limits: what is refused, what trips, and what becomes of both.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::desk::{Effect, OrderDesk, fault};
use crate::halt::Scope;
use crate::ids::{ClientOrderId, StrategyId, Symbol};
use crate::journal::{Denied, LossMarked, Tripped};
use crate::messages::order::{OrderEvent, OrderEventKind, PlaceOrder};
use crate::order::state::Learnt;
use crate::order::{Order, OrderState};
use crate::risk::{Denial, DenialReason, LimitScope, RiskLimits, RiskState, Trip};
use crate::time::Timestamp;

/// Orders that are refused because there are too many are one trouble until none was for so long.
const THROTTLE_OVER: Duration = Duration::from_secs(60);

/// A strategy's orders that are refused for the same reason are one record a second with their number: a loop
/// without end must not fill the journal.
const DENIALS_TOGETHER: Duration = Duration::from_secs(1);

/// What the desk remembers of refusals.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// When messages of a strategy were last refused because there were too many, and by the limit of which scope.
    throttled: BTreeMap<(StrategyId, LimitScope), Timestamp>,
    denials: BTreeMap<(StrategyId, &'static str), Repeated>,
}

/// Refusals of a kind since the last record of them.
#[derive(Debug)]
struct Repeated {
    recorded: Timestamp,
    count: u64,
    last: Option<Denied>,
}

impl OrderDesk {
    /// From now on these limits hold.
    pub fn set_limits(&mut self, limits: RiskLimits) {
        self.risk.set_limits(limits);
    }

    /// The limits, and what their rules remember.
    #[must_use]
    pub fn risk(&self) -> &RiskState {
        &self.risk
    }

    /// Tells the strategy that its order was refused, and whoever else has to know.
    pub(super) fn deny(
        &mut self,
        command: &PlaceOrder,
        reason: DenialReason,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        self.write_denial(command, &reason, now, out);
        if let Some(denial) = reason.limit() {
            self.denied(command, denial, now, out);
        }
        let PlaceOrder {
            id,
            strategy,
            terms,
            created,
            ..
        } = *command;
        let mut order = Order::new(id, strategy, terms, created);
        let learnt = order.learn(Learnt::Denied, now);
        debug_assert!(learnt.is_ok(), "a created order can always be denied");
        out.push(Effect::Happened(OrderEvent {
            order,
            kind: OrderEventKind::Denied { reason },
            at: now,
        }));
    }

    fn write_denial(
        &mut self,
        command: &PlaceOrder,
        reason: &DenialReason,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let limit = reason.limit();
        let mut denied = Denied {
            order: *command,
            code: reason.code().to_owned(),
            reason: reason.to_string(),
            value: limit.map(|denial| denial.value.clone()),
            limit: limit.map(|denial| denial.limit.clone()),
            scope: limit.map(|denial| denial.scope),
            repeats: 0,
        };
        let key = (command.strategy, reason.code());
        match self.guard.denials.get_mut(&key) {
            Some(known) if now.saturating_since(known.recorded) < DENIALS_TOGETHER => {
                known.count += 1;
                known.last = Some(denied);
            }
            known => {
                denied.repeats = known.map_or(0, |known| known.count);
                let fresh = Repeated {
                    recorded: now,
                    count: 0,
                    last: None,
                };
                self.guard.denials.insert(key, fresh);
                out.push(Effect::Record(denied.into()));
            }
        }
    }

    /// Writes down the refusals of floods that are over.
    fn write_denials(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.guard.denials.retain(|_, known| {
            if now.saturating_since(known.recorded) < DENIALS_TOGETHER {
                return true;
            }
            if let Some(last) = known.last.take() {
                let repeats = known.count.saturating_sub(1);
                out.push(Effect::Record(Denied { repeats, ..last }.into()));
            }
            false
        });
    }

    fn denied(
        &mut self,
        command: &PlaceOrder,
        denial: &Denial,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let (strategy, terms) = (command.strategy, &command.terms);
        if denial.rule.throttles() {
            return self.throttled(denial, strategy, now, out);
        }
        if let Some(kind) = denial.rule.fault() {
            let trip = Trip {
                rule: denial.rule,
                kind,
                strategy: Some(strategy),
                symbol: Some(terms.symbol),
                side: Some(terms.side),
                value: denial.value.clone(),
                limit: denial.limit.clone(),
                scope: denial.scope,
            };
            self.trip(&trip, now, out);
        }
    }

    /// A person is told once of a flood, not of each drop.
    fn throttled(
        &mut self,
        denial: &Denial,
        strategy: StrategyId,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let last = self.guard.throttled.insert((strategy, denial.scope), now);
        let is_known = last.is_some_and(|last| now.saturating_since(last) < THROTTLE_OVER);
        if let Some(kind) = denial.rule.fault()
            && !is_known
        {
            let trip = Trip {
                rule: denial.rule,
                kind,
                strategy: Some(strategy),
                symbol: None,
                side: None,
                value: denial.value.clone(),
                limit: denial.limit.clone(),
                scope: denial.scope,
            };
            self.trip(&trip, now, out);
        }
    }

    /// Why an amendment is refused, if it is one too many.
    pub(super) fn throttle_amend(
        &mut self,
        strategy: StrategyId,
        symbol: Symbol,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Option<String> {
        let denial = self.risk.amend(strategy, symbol, now).err()?;
        self.throttled(&denial, strategy, now, out);
        Some(denial.to_string())
    }

    pub(super) fn count_sent(
        &mut self,
        command: &PlaceOrder,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        self.risk.sent(command, now);
        let trips = self
            .risk
            .day_trips(command.strategy, command.terms.symbol, now);
        self.trip_all(trips, now, out);
    }

    pub(super) fn count_cancel(
        &mut self,
        strategy: StrategyId,
        symbol: Symbol,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let trips = self.risk.canceled(strategy, symbol, now);
        self.trip_all(trips, now, out);
    }

    /// The venue has answered a placement, or its answer is lost.
    pub(super) fn time_answer(&mut self, id: ClientOrderId, now: Timestamp, out: &mut Vec<Effect>) {
        if let Some(entry) = self.entries.get(&id) {
            let took = now.saturating_since(entry.handed_over);
            let trip = self.risk.answered(took);
            self.trip_all(trip, now, out);
        }
    }

    /// So many bytes are free on the journal's disk.
    pub fn disk_measured(&mut self, free: u64, now: Timestamp, out: &mut Vec<Effect>) {
        let trip = self.risk.disk_measured(free);
        self.trip_all(trip, now, out);
    }

    /// Takes an order's news into the sums that the rules look at.
    pub(super) fn heed(&mut self, id: ClientOrderId, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        let instrument = self.instruments.get(&entry.order.terms.symbol);
        let trips = self
            .risk
            .know(&entry.order, &self.positions, instrument, now);
        self.trip_all(trips, now, out);
    }

    /// Called about twice a second: looks at losses and at orders that rest for too long.
    pub(super) fn watch_limits(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.write_denials(now, out);
        let observed = self.risk.observe(&self.positions, now);
        let account = self.account;
        out.extend(observed.marks.into_iter().map(|(scope, mark)| {
            let marked = LossMarked {
                account,
                scope,
                mark,
            };
            Effect::Record(marked.into())
        }));
        for trip in observed.trips {
            // It is observed again and again; while its halt stands, that is no news.
            let standing = self.board.standing(&self.halts(&trip));
            let mut incidents = standing.iter().flat_map(|standing| &standing.incidents);
            if !incidents.any(|incident| incident.fault.kind == trip.kind) {
                self.trip(&trip, now, out);
            }
        }
        self.end_old_orders(now, out);
    }

    fn end_old_orders(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let old = self.unsettled.iter().filter_map(|id| {
            let entry = self.entries.get(id)?;
            let rests = matches!(
                entry.order.state,
                OrderState::Working | OrderState::PartiallyFilled
            );
            let placed = entry.handed_over.min(entry.order.created);
            let age = now.saturating_since(placed);
            let trip = self.risk.too_old(&entry.order, age)?;
            (rests && !entry.cancel_wanted).then_some((*id, trip))
        });
        let old: Vec<(ClientOrderId, Trip)> = old.collect();
        for (id, trip) in old {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.cancel(now, out);
            }
            self.trip(&trip, now, out);
        }
    }

    fn trip_all(
        &mut self,
        trips: impl IntoIterator<Item = Trip>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        for trip in trips {
            self.trip(&trip, now, out);
        }
    }

    /// Whom a trip halts: the strategy, where it is one's own doing.
    fn halts(&self, trip: &Trip) -> Scope {
        let by_limit = trip.scope.halts(self.account);
        match trip.strategy {
            Some(strategy) if !trip.rule.throttles() => Scope::Strategy(strategy),
            _ => by_limit,
        }
    }

    /// Writes a trip down and raises its fault. Rules of repetition count anew: a person looks first.
    fn trip(&mut self, trip: &Trip, now: Timestamp, out: &mut Vec<Effect>) {
        if let (Some(strategy), Some(symbol), Some(side)) = (trip.strategy, trip.symbol, trip.side)
        {
            self.risk.tripped(strategy, symbol, side);
        }
        let halts = self.halts(trip);
        let Trip {
            rule,
            kind,
            strategy,
            symbol,
            value,
            limit,
            scope,
            ..
        } = trip.clone();
        let who = strategy.map(|strategy| format!("strategy {strategy}"));
        let on = symbol.map(|symbol| format!("on {symbol}"));
        let words: Vec<String> = who.into_iter().chain(on).collect();
        let broken = format!("code={rule} value={value} limit={limit} scope={scope}");
        let detail = match words.is_empty() {
            true => broken,
            false => format!("{}: {broken}", words.join(" ")),
        };
        let record = Tripped {
            account: self.account,
            code: rule.code().to_owned(),
            kind,
            strategy,
            symbol,
            value,
            limit,
            scope,
        };
        out.push(Effect::Record(record.into()));
        out.push(Effect::Raise(fault(kind, halts, detail, now)));
    }
}
