//! What the journal is told, exactly where it is news.

use crate::desk::{Effect, OrderDesk};
use crate::ids::ClientOrderId;
use crate::journal::{self, Ending, PlacementAnswer, Reported};
use crate::messages::order::{Fill, OrderReport};
use crate::order::{Applied, OrderState};
use crate::planted::{self, Planted};

/// How the venue came to show an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// As the answer to its placement.
    ToThePlacement,
    Otherwise,
}

pub(super) fn resolved(id: ClientOrderId, ending: Ending) -> Effect {
    Effect::Record(journal::Resolved { id, ending }.into())
}

impl OrderDesk {
    /// Has the journal take what was news: before the strategy hears of it.
    pub(super) fn write_down(
        &mut self,
        report: &OrderReport,
        applied: &Applied,
        said: Said,
        out: &mut Vec<Effect>,
    ) {
        let id = report.id;
        if said == Said::ToThePlacement {
            out.push(self.answered(id, PlacementAnswer::Taken(report.clone())));
        } else if !applied.is_nothing() {
            let (account, report) = (self.account, report.clone());
            out.push(Effect::Record(Reported { account, report }.into()));
        }
        if applied.left == Some(OrderState::Uncertain) {
            let status = report.status;
            out.push(resolved(id, Ending::Shown { status }));
        }
        self.write_down_fills(id, &applied.fills, out);
    }

    pub(super) fn answered(&self, id: ClientOrderId, answer: PlacementAnswer) -> Effect {
        let account = self.account;
        Effect::Record(
            journal::Answered {
                id,
                account,
                answer,
            }
            .into(),
        )
    }

    /// Has the journal take fills that are news: before the strategy hears of them.
    pub(super) fn write_down_fills(
        &mut self,
        id: ClientOrderId,
        fills: &[Fill],
        out: &mut Vec<Effect>,
    ) {
        let Some(order) = self.order(&id) else {
            return;
        };
        if planted::is(Planted::FillsUnwritten) {
            return;
        }
        let (symbol, side) = (order.terms.symbol, order.terms.side);
        let pair = self.pair(symbol);
        out.extend(fills.iter().map(|fill| {
            let record = journal::Filled {
                id,
                account: self.account,
                venue: self.venue,
                symbol,
                side,
                pair,
                fill: fill.clone(),
            };
            Effect::Record(record.into())
        }));
        self.hold_own(id, fills, out);
    }
}
