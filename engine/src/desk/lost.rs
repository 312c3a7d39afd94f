//! A start without a journal: it is lost, or there never was one. What bears this engine's mark at the venue is
//! found by its client order id: what is open is taken over, what had fills is told to a person.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rust_decimal::Decimal;

use crate::desk::reconcile::{LONGEST_BACK, Question};
use crate::desk::{Effect, OrderDesk};
use crate::ids::{ClientOrderId, Symbol};
use crate::journal::Found;
use crate::messages::order::OrderReport;
use crate::order::Side;
use crate::ports::Window;
use crate::time::Timestamp;

/// Lists of past orders that are asked for at once: each costs a good part of the venue's limits.
pub(super) const LISTS_AT_ONCE: usize = 4;

/// How the start without a journal goes.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Nothing was remembered, and the venue has not told everything yet.
    pub(super) is_looking: bool,
    look_back: Duration,
    /// Orders that had ended with fills.
    ended: BTreeMap<ClientOrderId, OrderReport>,
    /// Orders that are open, of strategies that are not here.
    homeless: BTreeSet<ClientOrderId>,
}

impl OrderDesk {
    /// How far back the venue is asked for this engine's orders when there is no journal to tell of them, at
    /// most [`LONGEST_BACK`].
    pub fn look_back(&mut self, look_back: Duration) {
        self.lost.look_back = look_back.min(LONGEST_BACK);
    }

    /// The windows in which the orders of an instrument are asked for that nobody remembers.
    pub(super) fn lost_windows(
        &self,
        symbol: Symbol,
        now: Timestamp,
    ) -> impl Iterator<Item = Question> + use<> {
        let from = now.checked_sub(self.lost.look_back);
        let whole = Window {
            from: from.unwrap_or(Timestamp::EPOCH),
            until: now,
        };
        let is_looking = self.lost.is_looking && !self.lost.look_back.is_zero();
        let pieces = whole.pieces().filter(move |_| is_looking);
        pieces.map(move |piece| Question::History(symbol, piece))
    }

    /// Whether the report is of an order of an earlier run that had ended before this one began to look; `true`
    /// says that nothing more is to be done about it.
    pub(super) fn is_found_ended(&mut self, report: &OrderReport) -> bool {
        let is_ours = report
            .id
            .origin()
            .is_some_and(|origin| origin.run < self.run);
        let is_known = self.entries.contains_key(&report.id);
        if !self.lost.is_looking || !is_ours || is_known || !report.status.is_terminal() {
            return false;
        }
        if !report.executed.is_zero() {
            self.lost.ended.insert(report.id, report.clone());
        }
        true
    }

    /// Takes note of an order that was taken over.
    pub(super) fn taken_over(&mut self, id: ClientOrderId) {
        let strategy = id.origin().map(|origin| origin.strategy);
        let is_here = strategy.is_some_and(|strategy| self.seats.contains_key(&strategy));
        if self.lost.is_looking && !is_here {
            self.lost.homeless.insert(id);
        }
    }

    /// The venue has told everything: a person is told what was found.
    pub(super) fn found(&mut self, out: &mut Vec<Effect>) {
        if !std::mem::take(&mut self.lost.is_looking) {
            return;
        }
        let ended = std::mem::take(&mut self.lost.ended);
        let homeless = std::mem::take(&mut self.lost.homeless);
        for report in ended.values() {
            self.past.found(&report.id);
            let record = Found {
                account: self.account,
                report: report.clone(),
            };
            out.push(Effect::Record(record.into()));
        }
        if ended.is_empty() && homeless.is_empty() {
            return;
        }
        let mut text = summed(ended.values());
        if !homeless.is_empty() {
            let ids: Vec<_> = homeless.iter().map(ToString::to_string).collect();
            text.push(format!(
                "Open, of strategies that are not here, and taken over: {}.",
                ids.join(", ")
            ));
        }
        let title = format!(
            "without a journal: {} ended orders of earlier runs had fills, {} open ones have no strategy",
            ended.len(),
            homeless.len()
        );
        out.push(Effect::Found {
            title,
            text: text.join("\n"),
        });
    }
}

/// What they bought and sold, by symbol.
fn summed<'a>(ended: impl Iterator<Item = &'a OrderReport>) -> Vec<String> {
    let mut sums: BTreeMap<Symbol, (usize, Decimal, Decimal)> = BTreeMap::new();
    for report in ended {
        let (orders, bought, sold) = sums.entry(report.symbol).or_default();
        let side = match report.side {
            Some(Side::Sell) => sold,
            _ => bought,
        };
        *orders += 1;
        *side = side.saturating_add(report.executed.value());
    }
    let lines = sums.into_iter().map(|(symbol, (orders, bought, sold))| {
        let (bought, sold) = (bought.normalize(), sold.normalize());
        format!(
            "{symbol}: {orders} orders bought {bought} and sold {sold}. They are in no position."
        )
    });
    lines.collect()
}
