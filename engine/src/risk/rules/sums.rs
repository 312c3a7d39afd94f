//! C08, C09, C13 and C15: sums over what is held and what is on its way, each as if the order were there already.

use rust_decimal::Decimal;

use super::{Verdict, View};
use crate::order::Side;
use crate::risk::Rule;
use crate::risk::account::{Cell, Worth};
use crate::risk::limits::Bounds;

/// C13: orders that are, or may be, open, this one included.
pub(super) fn open_orders(view: &View<'_>) -> Verdict {
    let scopes = [
        (&view.account.bounds, view.account.open),
        (&view.sums.bounds, view.sums.open),
        (&view.on.bounds, view.on.cell.open),
    ];
    for (bounds, open) in scopes {
        if let Some(most) = &bounds.max_open_orders
            && open >= most.value
        {
            let with = u64::from(open) + 1;
            return Err(view.deny(Rule::OpenOrders, with, most.value, most.level));
        }
    }
    Ok(())
}

/// C15: what nobody knows of is no ground to stand on.
pub(super) fn uncertain(view: &View<'_>) -> Verdict {
    match &view.account.bounds.max_uncertain {
        Some(most) if view.account.uncertain > most.value => {
            let uncertain = view.account.uncertain;
            Err(view.deny(Rule::Uncertain, uncertain, most.value, most.level))
        }
        _ => Ok(()),
    }
}

/// C08: the position if this order and every other on its side fills. What an order on the other side would do is
/// not counted for it.
pub(super) fn position(view: &View<'_>) -> Verdict {
    let scopes = [
        (&view.on.position_bounds, &view.on.cell),
        (&view.sums.bounds, &view.own.cell),
    ];
    let quantity = view.terms.quantity.value();
    for (bounds, cell) in scopes {
        let (rule, limit, reached) = match view.terms.side {
            Side::Buy => {
                let reached = cell.longest().and_then(|net| net.checked_add(quantity));
                (Rule::MaxLong, &bounds.max_long, reached)
            }
            Side::Sell => {
                let reached = cell.shortest().and_then(|net| net.checked_sub(quantity));
                (Rule::MaxShort, &bounds.max_short, reached.map(|net| -net))
            }
        };
        if let Some(most) = limit {
            let reached = reached.ok_or_else(|| view.range())?;
            if reached > most.value.value() {
                let reached = reached.normalize();
                return Err(view.deny(rule, reached, most.value, most.level));
            }
        }
    }
    Ok(())
}

/// C09: at the last price of each position, and this one's is fresh. An order that adds nothing to the worst case
/// passes, so that what is held can always be given up.
pub(super) fn exposure(view: &View<'_>) -> Verdict {
    let scopes = [
        (&view.account.bounds, &view.on.cell, &view.account.worth),
        (&view.sums.bounds, &view.own.cell, &view.sums.worth),
        (&view.on.bounds, &view.on.cell, &view.on.cell.worth),
    ];
    scopes
        .into_iter()
        .try_for_each(|(bounds, cell, sum)| exposed(view, bounds, cell, sum))
}

fn exposed(view: &View<'_>, bounds: &Bounds, cell: &Cell, sum: &Worth) -> Verdict {
    let (gross, net) = (&bounds.max_gross_exposure, &bounds.max_net_exposure);
    let Some(level) = (gross.as_ref().or(net.as_ref())).map(|bound| bound.level) else {
        return Ok(());
    };
    let buys = view.terms.side == Side::Buy;
    let worth = with_order(view, cell);
    let worth = worth.ok_or_else(|| {
        let base = view.instrument.base;
        view.deny(Rule::NotPriced, base, "a known price", level)
    })?;
    let after = sum.replaced(&cell.worth, &worth);
    let unpriced = |bound: crate::risk::scope::Level| {
        let unpriced = after.unpriced;
        let value = format!("{unpriced} positions without a price");
        view.deny(Rule::NotPriced, value, "a known price", bound)
    };
    if let Some(most) = gross
        && worth.gross > cell.worth.gross
    {
        if after.unpriced > 0 {
            return Err(unpriced(most.level));
        }
        if after.gross > most.value.value() {
            let gross = after.gross.normalize();
            return Err(view.deny(Rule::GrossExposure, gross, most.value, most.level));
        }
    }
    // Without every price there is no sum. What adds nothing passes all the same.
    if let Some(most) = net {
        let reached = if buys { after.up } else { -after.down };
        if after.unpriced > 0 && worth.gross > cell.worth.gross {
            return Err(unpriced(most.level));
        }
        if after.unpriced == 0 && reached > most.value.value() {
            let reached = reached.normalize();
            return Err(view.deny(Rule::NetExposure, reached, most.value, most.level));
        }
    }
    Ok(())
}

/// What the position is worth at its worst with the order.
fn with_order(view: &View<'_>, cell: &Cell) -> Option<Worth> {
    let price = view.on.price()?;
    let quantity = view.terms.quantity.value();
    let (mut longest, mut shortest) = (cell.longest()?, cell.shortest()?);
    match view.terms.side {
        Side::Buy => longest = longest.checked_add(quantity)?,
        Side::Sell => shortest = shortest.checked_sub(quantity)?,
    }
    let (up, down): (Decimal, Decimal) =
        (longest.checked_mul(price)?, shortest.checked_mul(price)?);
    Some(Worth {
        up,
        down,
        gross: up.abs().max(down.abs()),
        unpriced: 0,
    })
}
