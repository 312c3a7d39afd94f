//! Fills: told once each, and fetched when their events do not come.

use std::time::Duration;

use crate::desk::entry::order_ref;
use crate::desk::{Effect, OrderDesk};
use crate::ids::ClientOrderId;
use crate::messages::order::{Fill, OrderEvent, OrderEventKind, OrderFilled, ReportSource};
use crate::order::{Applied, Order, OrderState};
use crate::ports::VenueError;
use crate::time::Timestamp;

/// How long fills may lag behind the executed quantity before they are fetched. Events have been seen
/// to lag the answer by some hundred milliseconds.
const FILL_LAG: Duration = Duration::from_secs(1);

impl OrderDesk {
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
        let known_before = entry.order.fills().len();
        match entry.order.add_fills(&recovered, now) {
            Ok(fresh) => {
                let applied = Applied {
                    fills: fresh,
                    ..Applied::default()
                };
                tell(&entry.order, &applied, known_before, None, now, out);
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
        if !entry.order.misses_fills() || entry.query_under_way {
            return;
        }
        let after = if source == ReportSource::Query {
            Duration::ZERO
        } else {
            FILL_LAG
        };
        entry.query_under_way = true;
        out.push(Effect::FetchFills {
            order: order_ref(&entry.order),
            venue_id,
            after,
        });
    }
}

/// Tells the strategy what changed: each fill first, then the state it led to.
pub(super) fn tell(
    order: &Order,
    applied: &Applied,
    known_before: usize,
    reason: Option<String>,
    now: Timestamp,
    out: &mut Vec<Effect>,
) {
    debug_assert_eq!(order.fills().len(), known_before + applied.fills.len());
    for fill in &applied.fills {
        out.push(Effect::Filled(OrderFilled {
            order: order.clone(),
            fill: fill.clone(),
        }));
    }
    let mut happened = |kind| {
        out.push(Effect::Happened(OrderEvent {
            order: order.clone(),
            kind,
            at: now,
        }))
    };
    if applied.amended {
        happened(OrderEventKind::Amended {
            quantity: order.terms.quantity,
        });
    }
    let kind = match order.state {
        OrderState::PartiallyFilled if applied.left.is_some() || !applied.fills.is_empty() => {
            OrderEventKind::PartiallyFilled
        }
        _ if applied.left.is_none() => return,
        OrderState::Working => OrderEventKind::Accepted,
        OrderState::Filled => OrderEventKind::Filled,
        OrderState::Canceled => OrderEventKind::Canceled,
        OrderState::Expired => OrderEventKind::Expired { reason },
        OrderState::Rejected => OrderEventKind::Rejected {
            code: 0,
            text: reason.unwrap_or_default(),
        },
        _ => return,
    };
    happened(kind);
}
