//! What the venue tells a reconciliation: each list is believed like any other news of the orders in it, and
//! what it brought is a difference, so that another round follows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::desk::entry::delay;
use crate::desk::foreign::key;
use crate::desk::reconcile::{Question, RoundId, Shown};
use crate::desk::{Effect, OrderDesk};
use crate::ids::{ClientOrderId, VenueOrderId};
use crate::messages::order::{Execution, Fill, OrderReport};
use crate::order::Applied;
use crate::ports::VenueError;
use crate::time::Timestamp;

impl OrderDesk {
    /// Takes the answer to [`Effect::Ask`].
    pub fn told(
        &mut self,
        round: RoundId,
        question: Question,
        answer: Result<Shown, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        if question == Question::Balances {
            return self.balances_told(round, answer, now, out);
        }
        let shown = match answer {
            Ok(shown) => shown,
            Err(_) => return self.ask_again(round, question, out),
        };
        let differences = match shown {
            Shown::Orders(reports) => self.orders_shown(question, reports, round, now, out),
            Shown::Trades(trades) => self.trades_shown(question, trades, now, out),
            Shown::Balances(_) => Vec::new(), // The answer to another question.
        };
        if let Some(review) = self.review.as_mut().filter(|review| review.round == round) {
            review.questions.remove(&question);
            review.differences.extend(differences);
            if matches!(question, Question::History(..)) {
                review.started = now;
                let next = review.lists.pop_front();
                out.extend(next.map(|question| Effect::Ask {
                    round,
                    question,
                    after: Duration::ZERO,
                }));
            }
        }
        self.advance(now, out);
    }

    fn ask_again(&mut self, round: RoundId, question: Question, out: &mut Vec<Effect>) {
        let review = self.review.as_mut().filter(|review| review.round == round);
        if let Some(review) = review {
            let after = delay(review.failures + 2);
            review.failures = review.failures.saturating_add(1);
            out.push(Effect::Ask {
                round,
                question,
                after,
            });
        }
    }

    fn orders_shown(
        &mut self,
        question: Question,
        reports: Vec<OrderReport>,
        round: RoundId,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Vec<String> {
        let listing = question == Question::OpenOrders;
        let asked = self.review.as_ref().map_or(now, |review| review.asked);
        let mut differences = Vec::new();
        let mut open = HashSet::new();
        if listing {
            let listed = reports.iter().map(key).collect();
            self.foreign_listed(&listed, asked);
        }
        for report in reports {
            let (id, status) = (report.id, report.status);
            open.insert(id);
            if self.is_settled_in_the_past(&id) {
                if listing {
                    differences.push(format!(
                        "{id} is {status} at the venue and has long ended here"
                    ));
                }
                continue;
            }
            if self.is_found_ended(&report) {
                continue;
            }
            self.report(report, now, out);
            let Some(order) = self.order(&id) else {
                continue;
            };
            if listing && order.state.is_terminal() && order.updated < asked {
                let state = order.state;
                differences.push(format!("{id} is {status} at the venue and {state:?} here"));
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.look_again(Duration::ZERO, out);
                }
            }
        }
        if let Some(review) = self.review.as_mut()
            && listing
            && review.round == round
        {
            review.open = Some(open);
        }
        differences
    }

    fn trades_shown(
        &mut self,
        question: Question,
        trades: Vec<Execution>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Vec<String> {
        let Question::Trades(symbol, _) = question else {
            return Vec::new();
        };
        let mut by_order: BTreeMap<VenueOrderId, Vec<Fill>> = BTreeMap::new();
        for execution in &trades {
            let recovered = Fill {
                recovered: true,
                ..execution.fill.clone()
            };
            by_order.entry(execution.order).or_default().push(recovered);
        }
        let known: HashMap<VenueOrderId, ClientOrderId> = self
            .orders()
            .filter(|order| order.terms.symbol == symbol)
            .filter_map(|order| Some((order.venue_id?, order.id)))
            .collect();
        let mut differences = Vec::new();
        for (order, fills) in by_order {
            let Some(id) = known.get(&order) else {
                continue; // Not ours, or its placement is not answered yet: the next look finds it.
            };
            match self.book_missed(*id, &fills, now, out) {
                0 => {}
                missed => {
                    differences.push(format!("{id} had {missed} fills that were not known here"))
                }
            }
        }
        self.hold(symbol, trades, now, out);
        differences
    }

    /// Books fills that a list has shown; returns how many were not known.
    fn book_missed(
        &mut self,
        id: ClientOrderId,
        fills: &[Fill],
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> usize {
        let Some(entry) = self.entries.get_mut(&id) else {
            return 0;
        };
        let booked = entry.order.add_fills(fills, now);
        match booked {
            Ok(fresh) => {
                let missed = fresh.len();
                self.write_down_fills(id, &fresh, out);
                let Some(entry) = self.entries.get_mut(&id) else {
                    return missed;
                };
                let applied = Applied {
                    fills: fresh,
                    ..Applied::default()
                };
                entry.tell(&applied, None, &mut self.positions, now, out);
                if missed > 0 {
                    // The order itself has moved on as well.
                    entry.look_again(Duration::ZERO, out);
                }
                self.resolved(id, now, out);
                missed
            }
            Err(error) => {
                self.contradiction(id, &error, now, out);
                1
            }
        }
    }
}
