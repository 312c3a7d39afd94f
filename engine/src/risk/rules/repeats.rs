//! C05, C06 and C07: how often.

use std::time::Duration;

use super::{Verdict, View, denial};
use crate::fault::FaultKind;
use crate::ids::{StrategyId, Symbol};
use crate::order::Side;
use crate::risk::account::{Messages, Own};
use crate::risk::limits::{Bound, Bounds};
use crate::risk::windows::Window;
use crate::risk::{Rule, Trip};
use crate::time::Timestamp;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn too_many(
    (rule, limit, span): (Rule, &Option<Bound<u32>>, Duration),
    window: &Window,
    (strategy, symbol): (StrategyId, Symbol),
    now: Timestamp,
) -> Verdict {
    match limit {
        Some(most) if window.reaches(most.value, span, now) => {
            let with = u64::from(most.value) + 1;
            let scope = most.level.scope(strategy, symbol);
            Err(denial(rule, with, most.value, scope))
        }
        _ => Ok(()),
    }
}

/// C05: new orders. One that is refused is never kept for later.
pub(super) fn messages(view: &View<'_>) -> Verdict {
    let who = (view.strategy, view.terms.symbol);
    let scopes = [
        (&view.account.bounds, &view.account.messages),
        (&view.sums.bounds, &view.sums.messages),
        (&view.on.bounds, &view.on.messages),
    ];
    for (bounds, messages) in scopes {
        let second = (Rule::NewPerSecond, &bounds.new_per_second, SECOND);
        too_many(second, &messages.new, who, view.now)?;
        let minute = (Rule::NewPerMinute, &bounds.new_per_minute, MINUTE);
        too_many(minute, &messages.new, who, view.now)?;
    }
    Ok(())
}

/// C05: amendments.
pub(in crate::risk) fn amends(
    bounds: &Bounds,
    messages: &Messages,
    strategy: StrategyId,
    symbol: Symbol,
    now: Timestamp,
) -> Verdict {
    let who = (strategy, symbol);
    let second = (Rule::AmendsPerSecond, &bounds.amends_per_second, SECOND);
    too_many(second, &messages.amends, who, now)?;
    let minute = (Rule::AmendsPerMinute, &bounds.amends_per_minute, MINUTE);
    too_many(minute, &messages.amends, who, now)
}

impl Messages {
    fn keep(second: &Option<Bound<u32>>, minute: &Option<Bound<u32>>) -> u32 {
        let limits = [second, minute].into_iter().flatten();
        limits.map(|bound| bound.value).max().unwrap_or_default()
    }

    pub(in crate::risk) fn sent(&mut self, bounds: &Bounds, now: Timestamp) {
        let keep = Self::keep(&bounds.new_per_second, &bounds.new_per_minute);
        self.new.happened(now, keep);
        let today = self.today.at(now);
        today.orders = today.orders.saturating_add(1);
    }

    pub(in crate::risk) fn amended(&mut self, bounds: &Bounds, now: Timestamp) {
        let keep = Self::keep(&bounds.amends_per_second, &bounds.amends_per_minute);
        self.amends.happened(now, keep);
    }
}

/// C07: orders of the strategy on this side of the instrument.
pub(super) fn orders(view: &View<'_>) -> Verdict {
    let own = view.own;
    let (limit, span) = (&own.bounds.repeated_orders, own.repeated_within());
    let window = &own.repeats(view.terms.side).orders;
    let who = (view.strategy, view.terms.symbol);
    too_many((Rule::RepeatedOrders, limit, span), window, who, view.now)
}

/// C07: counts fills of the strategy on this side of the instrument, and trips with the one that is too many.
pub(in crate::risk) fn repeated_fills(
    own: &mut Own,
    strategy: StrategyId,
    symbol: Symbol,
    side: Side,
    count: u32,
    now: Timestamp,
) -> Option<Trip> {
    let span = own.repeated_within();
    let (keep, level) = match &own.bounds.repeated_fills {
        Some(bound) => (bound.value, Some(bound.level)),
        None => (0, None),
    };
    let fills = &mut own.repeats_mut(side).fills;
    let mut is_one_more = false;
    for _ in 0..count {
        is_one_more |= fills.reaches(keep, span, now);
        fills.happened(now, keep);
    }
    if !is_one_more {
        return None;
    }
    let scope = level?.scope(strategy, symbol);
    Some(Trip {
        rule: Rule::RepeatedFills,
        kind: FaultKind::RepeatedExecution,
        strategy: Some(strategy),
        symbol: Some(symbol),
        side: Some(side),
        value: (u64::from(keep) + 1).to_string(),
        limit: keep.to_string(),
        scope,
    })
}
