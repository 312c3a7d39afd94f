//! Orders of an earlier run, which are cancelled before anything new is placed.

use std::collections::BTreeSet;

use tripline_engine::ids::{ClientOrderId, RunId};
use tripline_engine::order::{Order, OrderState};
use tripline_engine::strategy::Context;

/// Open orders of this strategy that this run did not place.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    /// This run, once an order of it was placed.
    run: Option<RunId>,
    /// Those that may still be open.
    open: BTreeSet<ClientOrderId>,
}

impl Earlier {
    /// Takes the id of an order that this run has placed.
    pub(crate) fn placed(&mut self, id: Option<ClientOrderId>) {
        self.run = self.run.or_else(|| Some(id?.origin()?.run));
    }

    /// Whether the order is not of this run.
    pub(crate) fn owns(&self, id: ClientOrderId) -> bool {
        let run = id.origin().map(|origin| origin.run);
        run.is_none() || run != self.run
    }

    /// Whether every one has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Finds and cancels all open orders but `ours`; those whose cancel was refused are asked for again.
    pub(crate) fn cancel(&mut self, ctx: &mut Context<'_>, ours: &[ClientOrderId]) {
        let found: Vec<_> = ctx
            .open_orders()
            .filter(|order| !ours.contains(&order.id))
            .map(|order| order.id)
            .collect();
        self.open = found.into_iter().collect();
        for id in &self.open {
            let wait = ctx
                .order(id)
                .is_some_and(|order| order.cancel_pending || order.state == OrderState::Uncertain);
            if !wait {
                ctx.cancel(*id);
            }
        }
    }

    /// Takes news of an order that is not of this run. `true` when with it the last one has ended.
    pub(crate) fn on_order(&mut self, ctx: &mut Context<'_>, order: &Order) -> bool {
        if order.is_settled() {
            return self.open.remove(&order.id) && self.open.is_empty();
        }
        if self.open.insert(order.id) && order.state != OrderState::Uncertain {
            ctx.cancel(order.id);
        }
        false
    }
}
