//! C03 and C04: the size of one order.

use rust_decimal::Decimal;

use super::{Verdict, View};
use crate::order::Side;
use crate::risk::Rule;

pub(super) fn min_quantity(view: &View<'_>) -> Verdict {
    let quantity = view.terms.quantity;
    match &view.own.bounds.min_quantity {
        Some(least) if quantity < least.value => {
            Err(view.deny(Rule::MinQuantity, quantity, least.value, least.level))
        }
        _ => Ok(()),
    }
}

pub(super) fn max_quantity(view: &View<'_>) -> Verdict {
    let quantity = view.terms.quantity;
    match &view.own.bounds.max_quantity {
        Some(most) if quantity > most.value => {
            Err(view.deny(Rule::MaxQuantity, quantity, most.value, most.level))
        }
        _ => Ok(()),
    }
}

/// C04: at the order's own price; without one, at the reference plus the collar. A sell trades at the market's price
/// where that is better than its own, so that the most it may be worth is at the better of the two.
pub(super) fn notional(view: &View<'_>) -> Verdict {
    let bounds = &view.own.bounds;
    let (least, most) = (&bounds.min_notional, &bounds.max_notional);
    let Some(level) = (most.as_ref().or(least.as_ref())).map(|bound| bound.level) else {
        return Ok(());
    };
    let Some(rate) = view.on.rate else {
        let quote = view.instrument.quote;
        return Err(view.deny(Rule::NotPriced, quote, "a known price", level));
    };
    let at = |price: Decimal| {
        let notional = price.checked_mul(view.terms.quantity.value());
        let notional = notional.and_then(|notional| notional.checked_mul(rate));
        notional.ok_or_else(|| view.range())
    };
    let own = view.worst_price()?;
    if let Some(most) = most {
        let dearest = match view.terms.side {
            Side::Buy => own,
            Side::Sell => own.max(view.reference.value()),
        };
        let notional = at(dearest)?;
        if notional > most.value.value() {
            let notional = notional.normalize();
            return Err(view.deny(Rule::MaxNotional, notional, most.value, most.level));
        }
    }
    if let Some(least) = least {
        let notional = at(own)?;
        if notional < least.value.value() {
            let notional = notional.normalize();
            return Err(view.deny(Rule::MinNotional, notional, least.value, least.level));
        }
    }
    Ok(())
}
