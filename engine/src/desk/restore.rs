//! What a restart begins with: the orders that earlier runs have left.

use std::collections::BTreeSet;

use crate::desk::{Effect, OrderDesk};
use crate::ids::{ClientOrderId, RunId};
use crate::journal::JournalState;
use crate::messages::order::OrderEventKind;
use crate::order::OrderState;
use crate::planted::{self, Planted};
use crate::position::Pair;
use crate::time::Timestamp;

impl OrderDesk {
    /// Takes over what earlier runs have left of this account, and tells the strategies that are seated.
    /// To be called before anything else is learnt. An order of a strategy that is not here is kept too: its
    /// instrument stays frozen until the venue has told what it is, and sweeps of the account cancel it. The
    /// sweeps of halts that still stand go on.
    pub fn restore(&mut self, earlier: JournalState, now: Timestamp, out: &mut Vec<Effect>) {
        let account = self.account;
        self.positions = earlier.positions.of(account);
        for instrument in self.instruments.values() {
            self.positions.add(Pair::of(instrument));
        }
        self.risk.take_positions(&self.positions);
        for (scope, mark) in earlier.limits.marks(account) {
            if let Err(asset) = self.risk.remember_mark(scope, mark) {
                out.push(Effect::Found {
                    title: format!("the loss of {scope} counts from now on"),
                    text: format!(
                        "Until now it was counted in {asset}, and limits of money are in another asset now."
                    ),
                });
            }
        }
        self.lost.is_looking = earlier.last_run.is_none();
        self.holdings.sheet = earlier.balances.sheet(account);
        self.holdings.told = earlier.balances.told(account).to_vec();
        let memory = earlier.orders;
        let left = memory.unsettled().filter(|left| left.account == account);
        let mut orders: Vec<_> = left.map(|left| left.recovered(now)).collect();
        if planted::is(Planted::UncertainForgotten) {
            orders.retain(|order| order.state != OrderState::Uncertain);
        }
        if let Some(events) = memory.last_events().get(&account) {
            self.known_until.extend(events);
        }
        self.past = memory;
        for order in orders {
            let id = order.id;
            self.insert(order, now);
            if let Some(entry) = self.entries.get_mut(&id) {
                let kind = match entry.order.state {
                    OrderState::Working => OrderEventKind::Accepted,
                    OrderState::PartiallyFilled => OrderEventKind::PartiallyFilled,
                    OrderState::Uncertain => OrderEventKind::Uncertain {
                        cause: "the engine ended before the venue's answer".into(),
                    },
                    // It has ended, and fills are missing: told with the last of them.
                    state => {
                        entry.untold = super::fills::event_of(state, None);
                        continue;
                    }
                };
                out.push(entry.happened(kind, now));
            }
        }
        self.sweep_halted(&earlier.halts, now, out);
    }

    /// Cancels what earlier runs have left open.
    pub fn cancel_earlier(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let run = self.run;
        self.cancel_where(now, out, |_, order| is_earlier(run, &order.id));
    }

    /// Whether an order of an earlier run is, or may be, open.
    #[must_use]
    pub fn has_earlier(&self) -> bool {
        self.open_orders()
            .any(|order| is_earlier(self.run, &order.id))
    }

    /// Whether an earlier run has told all of the order, so that nothing of it is news.
    pub(super) fn is_settled_in_the_past(&self, id: &ClientOrderId) -> bool {
        !self.entries.contains_key(id) && self.past.is_known(id)
    }

    /// Runs whose ids must not be used again.
    #[must_use]
    pub fn past_runs(&self) -> BTreeSet<RunId> {
        self.past.runs().collect()
    }
}

fn is_earlier(run: RunId, id: &ClientOrderId) -> bool {
    id.origin().is_some_and(|origin| origin.run != run)
}
