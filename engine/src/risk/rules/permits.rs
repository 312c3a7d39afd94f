//! C20 and C21: what may be traded at all, and when.

use super::{Verdict, View};
use crate::risk::Rule;
use crate::risk::limits::Limits;
use crate::risk::scope::Level;
use crate::risk::value::LimitValue;

impl View<'_> {
    /// The first scope whose own limits say no.
    fn who(&self, refuses: impl Fn(&Limits) -> bool) -> Level {
        let (strategy, symbol) = (&self.strategy, &self.terms.symbol);
        let layers = [
            (Level::Global, Some(&self.limits.global)),
            (Level::Account, Some(&self.limits.account)),
            (Level::Strategy, self.limits.strategies.get(strategy)),
            (Level::Instrument, self.limits.instruments.get(symbol)),
        ];
        let mut refusing = layers.into_iter();
        let refusing =
            refusing.find(|(_, limits)| limits.as_ref().is_some_and(|limits| refuses(limits)));
        refusing.map_or(Level::Global, |(level, _)| level)
    }
}

pub(super) fn instrument(view: &View<'_>) -> Verdict {
    let symbol = view.terms.symbol;
    let bounds = &view.own.bounds;
    if let Some(allowed) = &bounds.instruments
        && !allowed.value.contains(&symbol)
    {
        let refuses = |limits: &Limits| {
            let allowed = limits.instruments.as_ref();
            allowed.is_some_and(|allowed| !allowed.contains(&symbol))
        };
        let limit = allowed.value.show();
        return Err(view.deny(Rule::Instrument, symbol, limit, view.who(refuses)));
    }
    if let Some(restricted) = &bounds.restricted
        && restricted.value.contains(&symbol)
    {
        let refuses = |limits: &Limits| {
            let restricted = limits.restricted.as_ref();
            restricted.is_some_and(|restricted| restricted.contains(&symbol))
        };
        return Err(view.deny(Rule::Instrument, symbol, "restricted", view.who(refuses)));
    }
    Ok(())
}

pub(super) fn side(view: &View<'_>) -> Verdict {
    let side = view.terms.side;
    match &view.own.bounds.sides {
        Some(allowed) if !allowed.value.contains(&side) => {
            let refuses = |limits: &Limits| {
                let allowed = limits.sides.as_ref();
                allowed.is_some_and(|allowed| !allowed.contains(&side))
            };
            let level = view.who(refuses);
            Err(view.deny(Rule::Side, side, allowed.value.show(), level))
        }
        _ => Ok(()),
    }
}

pub(super) fn order_type(view: &View<'_>) -> Verdict {
    let order_type = view.terms.order_type;
    match &view.own.bounds.order_types {
        Some(allowed) if !allowed.value.contains(&order_type) => {
            let refuses = |limits: &Limits| {
                let allowed = limits.order_types.as_ref();
                allowed.is_some_and(|allowed| !allowed.contains(&order_type))
            };
            let level = view.who(refuses);
            Err(view.deny(Rule::OrderType, order_type, allowed.value.show(), level))
        }
        _ => Ok(()),
    }
}

pub(super) fn hours(view: &View<'_>) -> Verdict {
    let now = view.now;
    match &view.own.bounds.trading_hours {
        Some(hours) if !hours.value.contain(now) => {
            let refuses = |limits: &Limits| {
                let hours = limits.trading_hours.as_ref();
                hours.is_some_and(|hours| !hours.contain(now))
            };
            let level = view.who(refuses);
            Err(view.deny(Rule::Hours, now, hours.value.show(), level))
        }
        _ => Ok(()),
    }
}
