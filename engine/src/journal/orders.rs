//! What the journal tells of orders. They are kept in the engine's own ledger, so that a restart
//! believes exactly what the run before it believed.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::record::{Answered, Ending, Filled, Intent, PlacementAnswer, Reported, Resolved};
use crate::ids::{AccountId, ClientOrderId, RunId, StrategyId, Symbol, TradeId, UsedIds};
use crate::messages::order::{OrderReport, ReportSource};
use crate::order::state::Learnt;
use crate::order::{Order, OrderState};
use crate::time::Timestamp;

/// Settled orders that are remembered, so that a stale listing does not bring one back.
const SETTLED_KEPT: usize = 1024;

/// An order that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMemory {
    /// As the journal tells it. `Sent` says no more than that it may have been sent: the process can end
    /// between an order's first byte and the record of it.
    pub order: Order,
    pub account: AccountId,
    /// Whether the hand-over was written down.
    pub handed_over: bool,
}

impl OrderMemory {
    /// The order as a later run has to take it: the answer to its placement cannot come any more, so that
    /// without news of the venue it is uncertain.
    #[must_use]
    pub fn recovered(&self, now: Timestamp) -> Order {
        let mut order = self.order.clone();
        abandon(&mut order, now);
        order
    }
}

/// An order that has settled: nothing more can come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub id: ClientOrderId,
    /// The fills that were delivered.
    pub trades: Vec<TradeId>,
}

/// All that is remembered of orders.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrdersMemory {
    unsettled: BTreeMap<ClientOrderId, OrderMemory>,
    settled: VecDeque<Settled>,
    /// What each strategy has used in each run.
    runs: BTreeMap<RunId, BTreeMap<StrategyId, UsedIds>>,
    events: BTreeMap<AccountId, BTreeMap<Symbol, Timestamp>>,
}

impl OrdersMemory {
    /// Orders that are not known to have settled, uncertain ones among them, by client order id.
    pub fn unsettled(&self) -> impl Iterator<Item = &OrderMemory> {
        self.unsettled.values()
    }

    #[must_use]
    pub fn order(&self, id: &ClientOrderId) -> Option<&OrderMemory> {
        self.unsettled.get(id)
    }

    /// The latest settled orders, the oldest first.
    pub fn settled(&self) -> impl Iterator<Item = &Settled> {
        self.settled.iter()
    }

    /// The fills of an order that were delivered; `None` for one that is not known, or settled long ago.
    #[must_use]
    pub fn delivered(&self, id: &ClientOrderId) -> Option<Vec<TradeId>> {
        if let Some(known) = self.unsettled.get(id) {
            return Some(trades(&known.order));
        }
        let settled = self.settled.iter().find(|settled| settled.id == *id);
        settled.map(|settled| settled.trades.clone())
    }

    /// The venue's time of the last event or fill of an account's symbol.
    #[must_use]
    pub fn last_event(&self, account: AccountId, symbol: Symbol) -> Option<Timestamp> {
        self.events.get(&account)?.get(&symbol).copied()
    }

    /// The venue's time of the last event or fill, by account and symbol.
    #[must_use]
    pub fn last_events(&self) -> &BTreeMap<AccountId, BTreeMap<Symbol, Timestamp>> {
        &self.events
    }

    /// Runs that have used client order ids, and must not be used again.
    pub fn runs(&self) -> impl Iterator<Item = RunId> {
        self.runs.keys().copied()
    }

    #[must_use]
    pub fn is_used(&self, run: &RunId) -> bool {
        self.runs.contains_key(run)
    }

    /// A run begins: what the earlier ones have sent is answered to nobody any more.
    pub(super) fn begin(&mut self, run: RunId, at: Timestamp) {
        self.runs.entry(run).or_default();
        for memory in self.unsettled.values_mut() {
            abandon(&mut memory.order, at);
        }
    }

    pub(super) fn intend(&mut self, intent: &Intent) {
        let id = intent.id;
        if self.is_known(&id) {
            return;
        }
        if let Some(origin) = id.origin() {
            let used = self.runs.entry(origin.run).or_default();
            used.entry(origin.strategy).or_default().take(&origin);
        }
        let order = Order::new(id, intent.strategy, intent.terms, intent.created);
        self.insert(order, intent.account, false);
    }

    pub(super) fn handed_over(&mut self, id: &ClientOrderId) {
        if let Some(memory) = self.unsettled.get_mut(id) {
            memory.handed_over = true;
        }
    }

    pub(super) fn answered(&mut self, answered: &Answered, at: Timestamp) {
        match &answered.answer {
            PlacementAnswer::Taken(report) => self.shown(answered.account, report, at),
            PlacementAnswer::Refused { .. } => self.learn(&answered.id, Learnt::Refused, at),
        }
    }

    pub(super) fn reported(&mut self, reported: &Reported, at: Timestamp) {
        let Reported { account, report } = reported;
        if report.source == ReportSource::Event {
            self.event(*account, report.symbol, report.at);
        }
        self.shown(*account, report, at);
    }

    pub(super) fn filled(&mut self, filled: &Filled, at: Timestamp) {
        self.event(filled.account, filled.symbol, filled.fill.at);
        if let Some(memory) = self.unsettled.get_mut(&filled.id) {
            let fills = std::slice::from_ref(&filled.fill);
            // What cannot be true was a fault when it happened, and the order stayed as it was.
            drop(memory.order.add_fills(fills, at));
        }
        self.settle(&filled.id);
    }

    /// An order of an earlier run was found that is not remembered, and that has ended: nothing of it is news.
    pub(crate) fn found(&mut self, id: &ClientOrderId) {
        if let Some(origin) = id.origin() {
            self.runs.entry(origin.run).or_default();
        }
        if !self.is_known(id) {
            self.settled.push_back(Settled {
                id: *id,
                trades: Vec::new(),
            });
            if self.settled.len() > SETTLED_KEPT {
                self.settled.pop_front();
            }
        }
    }

    pub(super) fn lost(&mut self, id: &ClientOrderId, at: Timestamp) {
        self.learn(id, Learnt::Lost, at);
    }

    pub(super) fn resolved(&mut self, resolved: &Resolved, at: Timestamp) {
        let learnt = match resolved.ending {
            Ending::NotSent { .. } => Learnt::Denied,
            Ending::NeverArrived => Learnt::NeverArrived,
            Ending::Shown { .. } => return,
        };
        self.learn(&resolved.id, learnt, at);
    }

    /// Whether the order was ever intended, settled ones included.
    #[must_use]
    pub fn is_known(&self, id: &ClientOrderId) -> bool {
        let used = id.origin().is_some_and(|origin| {
            let used = self.runs.get(&origin.run);
            let used = used.and_then(|run| run.get(&origin.strategy));
            used.is_some_and(|used| used.has(&origin))
        });
        used || self.unsettled.contains_key(id)
            || self.settled.iter().any(|settled| settled.id == *id)
    }

    fn insert(&mut self, mut order: Order, account: AccountId, handed_over: bool) {
        let id = order.id;
        let learnt = order.learn(Learnt::HandedOver, order.created);
        debug_assert!(learnt.is_ok(), "a created order can always be handed over");
        let memory = OrderMemory {
            order,
            account,
            handed_over,
        };
        self.unsettled.insert(id, memory);
    }

    fn shown(&mut self, account: AccountId, report: &OrderReport, at: Timestamp) {
        let id = report.id;
        if !self.is_known(&id) {
            // An order with this engine's mark from before this journal: the desk has adopted it.
            let (Some(origin), Some(terms)) = (id.origin(), report.terms) else {
                return;
            };
            self.insert(Order::new(id, origin.strategy, terms, at), account, true);
        }
        if let Some(memory) = self.unsettled.get_mut(&id) {
            // What cannot be true was a fault when it happened, and the order stayed as it was.
            drop(memory.order.apply(report, at));
        }
        self.settle(&id);
    }

    fn learn(&mut self, id: &ClientOrderId, learnt: Learnt, at: Timestamp) {
        if let Some(memory) = self.unsettled.get_mut(id) {
            // What cannot be true was a fault when it happened, and the order stayed as it was.
            drop(memory.order.learn(learnt, at));
        }
        self.settle(id);
    }

    fn event(&mut self, account: AccountId, symbol: Symbol, at: Timestamp) {
        let last = self.events.entry(account).or_default();
        let last = last.entry(symbol).or_insert(at);
        *last = at.max(*last);
    }

    fn settle(&mut self, id: &ClientOrderId) {
        let settled = self.unsettled.get(id);
        if !settled.is_some_and(|memory| memory.order.is_settled()) {
            return;
        }
        if let Some(memory) = self.unsettled.remove(id) {
            let trades = trades(&memory.order);
            self.settled.push_back(Settled { id: *id, trades });
            if self.settled.len() > SETTLED_KEPT {
                self.settled.pop_front();
            }
        }
    }
}

fn trades(order: &Order) -> Vec<TradeId> {
    order.fills().iter().map(|fill| fill.trade_id).collect()
}

fn abandon(order: &mut Order, at: Timestamp) {
    if order.state == OrderState::Sent {
        let learnt = order.learn(Learnt::Lost, at);
        debug_assert!(learnt.is_ok(), "a sent order can always be lost");
    }
}
