//! Fills: told once each, and fetched when their events do not come.

use std::time::Duration;

use crate::desk::entry::{Entry, delay, order_ref};
use crate::desk::{Effect, OrderDesk, fault};
use crate::fault::FaultKind;
use crate::halt::Scope;
use crate::ids::ClientOrderId;
use crate::messages::order::{Fill, OrderEventKind, OrderFilled, ReportSource};
use crate::order::{Applied, OrderState};
use crate::planted::{self, Planted};
use crate::ports::VenueError;
use crate::position::PositionBook;
use crate::time::Timestamp;

/// How long fills may lag behind the executed quantity before they are fetched. Events have been seen
/// to lag the answer by some hundred milliseconds.
const FILL_LAG: Duration = Duration::from_secs(1);

impl OrderDesk {
    /// The positions of the account and its strategies: what the fills of this run add up to, and those of
    /// earlier runs as far as the journal tells.
    #[must_use]
    pub fn positions(&self) -> &PositionBook {
        &self.positions
    }

    /// Takes the answer to [`Effect::FetchFills`].
    pub fn fills_answered(
        &mut self,
        id: ClientOrderId,
        answer: Result<Vec<Fill>, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.answered(out);
        let fills = answer.unwrap_or_default(); // A failed fetch is repeated below, and reported if it lasts.
        let recovered: Vec<_> = fills
            .into_iter()
            .map(|fill| Fill {
                recovered: true,
                ..fill
            })
            .collect();
        match entry.order.add_fills(&recovered, now) {
            Ok(fresh) => {
                self.write_down_fills(id, &fresh, out);
                let Some(entry) = self.entries.get_mut(&id) else {
                    return;
                };
                let applied = Applied {
                    fills: fresh,
                    ..Applied::default()
                };
                entry.tell(&applied, None, &mut self.positions, now, out);
                if entry.order.misses_fills() {
                    entry.looks = entry.looks.saturating_add(1);
                    self.want_fills(id, ReportSource::Event, out);
                    self.tell_unresolved(id, now, out);
                }
                self.resolved(id, now, out);
            }
            Err(error) => self.contradiction(id, &error, now, out),
        }
    }

    /// The venue has shown more executed than there are fills: fetch them, at once after a query, else
    /// when their events have had time to arrive.
    pub(super) fn want_fills(
        &mut self,
        id: ClientOrderId,
        source: ReportSource,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let Some(venue_id) = entry.order.venue_id else {
            return;
        };
        let is_ignored = planted::is(Planted::MissedFillsIgnored);
        if !entry.order.misses_fills() || entry.query_under_way || is_ignored {
            return;
        }
        let after = match (entry.looks, source) {
            (0..=1, ReportSource::Query) => Duration::ZERO,
            (0..=1, _) => FILL_LAG,
            (looks, _) => delay(looks).max(FILL_LAG),
        };
        entry.query_under_way = true;
        out.push(Effect::FetchFills {
            order: order_ref(&entry.order),
            venue_id,
            after,
        });
    }
}

impl Entry {
    /// Tells the strategy what changed: each fill first, then the state it led to. While fills are missing
    /// the state is kept back, so that who hears of an end has had every fill of it.
    pub(super) fn tell(
        &mut self,
        applied: &Applied,
        reason: Option<String>,
        positions: &mut PositionBook,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        for fill in &applied.fills {
            self.count(fill, positions, now, out);
            out.push(Effect::Filled(OrderFilled {
                order: self.order.clone(),
                fill: fill.clone(),
            }));
        }
        if applied.amended {
            let quantity = self.order.terms.quantity;
            out.push(self.happened(OrderEventKind::Amended { quantity }, now));
        }
        let filled_more =
            self.order.state == OrderState::PartiallyFilled && !applied.fills.is_empty();
        if applied.left.is_some() || filled_more {
            self.untold = event_of(self.order.state, reason);
        }
        let early = planted::is(Planted::EndToldEarly);
        if (early || !self.order.misses_fills())
            && let Some(kind) = self.untold.take()
        {
            out.push(self.happened(kind, now));
        }
    }

    /// Counts a fill into the positions. One that cannot be counted is told all the same, after the fault:
    /// what its strategy holds is then not known for certain.
    fn count(
        &self,
        fill: &Fill,
        positions: &mut PositionBook,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let (strategy, terms) = (self.order.strategy, &self.order.terms);
        let problem = match positions.apply(strategy, terms.symbol, terms.side, fill) {
            Ok(true) => return,
            Ok(false) => format!(
                "trade {} of {} is news of {} and was counted before",
                fill.trade_id, terms.symbol, self.order.id
            ),
            Err(error) => error.to_string(),
        };
        let (kind, scope) = (FaultKind::PositionUncertain, Scope::Strategy(strategy));
        out.push(Effect::Raise(fault(kind, scope, problem, now)));
    }
}

/// The event of a state that the venue has shown.
pub(super) fn event_of(state: OrderState, reason: Option<String>) -> Option<OrderEventKind> {
    match state {
        OrderState::Working => Some(OrderEventKind::Accepted),
        OrderState::PartiallyFilled => Some(OrderEventKind::PartiallyFilled),
        OrderState::Filled => Some(OrderEventKind::Filled),
        OrderState::Canceled => Some(OrderEventKind::Canceled),
        OrderState::Expired => Some(OrderEventKind::Expired { reason }),
        OrderState::Rejected => Some(OrderEventKind::Rejected {
            code: 0,
            text: reason.unwrap_or_default(),
        }),
        OrderState::Created | OrderState::Sent | OrderState::Uncertain | OrderState::Denied => None,
    }
}
