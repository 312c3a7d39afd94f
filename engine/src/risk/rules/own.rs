//! C10 and C11: an order that is there already, and an order that would meet one of ours.

use super::{Verdict, View};
use crate::risk::Rule;
use crate::risk::footprint::Reach;
use crate::risk::value::Span;

/// C10: the same side, price and size on the instrument, of any strategy of the account, whatever has become of it.
/// That no client order id is used twice, ever, is another thing: an id names its run, runs never repeat
/// (`Memory::new_run`), and within a run the desk takes each strategy's sequence in rising order only.
pub(super) fn duplicate(view: &View<'_>) -> Verdict {
    let Some(within) = &view.own.bounds.duplicate_within else {
        return Ok(());
    };
    match view.on.recent.same(view.terms, within.value.0, view.now) {
        Some(ago) => {
            let value = format!("again after {}", Span(ago));
            Err(view.deny(Rule::Duplicate, value, within.value, within.level))
        }
        None => Ok(()),
    }
}

/// C11: see [`OwnBook`](crate::risk::own_book::OwnBook).
pub(super) fn self_trade(view: &View<'_>) -> Verdict {
    let refused = view.own.bounds.refuse_self_trade.as_ref();
    let Some(refused) = refused.filter(|bound| bound.value) else {
        return Ok(());
    };
    let terms = view.terms;
    let reach = Reach::of(terms, Some(view.instrument));
    match view.on.book.trades_with(terms.side, reach) {
        Some(met) => {
            let price = terms.price.map(|price| price.to_string());
            let price = price.unwrap_or_else(|| "any".into());
            let limit = format!("an own order at {met}");
            Err(view.deny(Rule::SelfTrade, price, limit, refused.level))
        }
        None => Ok(()),
    }
}
