//! C01 and C02: prices beyond a fresh reference, and prices that wander.

use rust_decimal::Decimal;

use super::{Verdict, View};
use crate::order::Side;
use crate::risk::Rule;

/// C01: a buy may not be dearer, a sell not cheaper than the collar around the reference. The limit price of a
/// triggered order is held against the price that triggers it, because that is where the market then is. An order
/// without a price has none that could be beyond: its notional counts at the collar's edge.
pub(super) fn collar(view: &View<'_>) -> Verdict {
    let Some(price) = view.terms.price else {
        return Ok(());
    };
    let bounds = &view.own.bounds;
    let base = view.terms.stop_price.unwrap_or(view.reference).value();
    let beyond = match view.terms.side {
        Side::Buy => price.value().checked_sub(base),
        Side::Sell => base.checked_sub(price.value()),
    };
    let beyond = beyond.ok_or_else(|| view.range())?;
    if beyond <= Decimal::ZERO {
        return Ok(());
    }
    if let Some(collar) = &bounds.collar_percent {
        let most = collar.value.of_one().and_then(|one| one.checked_mul(base));
        if beyond > most.ok_or_else(|| view.range())? {
            let percent = percent(beyond, base);
            return Err(view.deny(Rule::CollarPercent, percent, collar.value, collar.level));
        }
    }
    if let Some(collar) = &bounds.collar_ticks {
        let tick = view.instrument.tick().value();
        let most = tick.checked_mul(collar.value.into());
        // Without a tick there is nothing to count.
        if !tick.is_zero() && beyond > most.ok_or_else(|| view.range())? {
            let ticks = beyond.checked_div(tick).map(|ticks| ticks.ceil());
            let ticks = ticks.map_or_else(|| "many".to_owned(), |ticks| ticks.to_string());
            return Err(view.deny(Rule::CollarTicks, ticks, collar.value, collar.level));
        }
    }
    Ok(())
}

/// C02: the strategy's prices on this side of the instrument within the window, this one included, lie no further
/// apart than the limit, in percent of the lowest.
pub(super) fn drift(view: &View<'_>) -> Verdict {
    let (Some(limit), Some(price)) = (&view.own.bounds.price_drift_percent, view.terms.price)
    else {
        return Ok(());
    };
    let prices = &view.own.repeats(view.terms.side).prices;
    let Some((low, high)) = prices.within(view.own.drift_within(), view.now) else {
        return Ok(());
    };
    let (low, high) = (low.min(price).value(), high.max(price).value());
    let apart = high.checked_sub(low).ok_or_else(|| view.range())?;
    let most = limit.value.of_one().and_then(|one| one.checked_mul(low));
    if apart > most.ok_or_else(|| view.range())? {
        let percent = percent(apart, low);
        return Err(view.deny(Rule::PriceDrift, percent, limit.value, limit.level));
    }
    Ok(())
}

/// For people: rounded to four decimals, away from the limit.
fn percent(part: Decimal, whole: Decimal) -> String {
    let percent = part
        .checked_div(whole)
        .and_then(|share| share.checked_mul(Decimal::ONE_HUNDRED));
    match percent {
        Some(percent) => {
            let away = rust_decimal::RoundingStrategy::AwayFromZero;
            percent
                .round_dp_with_strategy(4, away)
                .normalize()
                .to_string()
        }
        None => "unlimited".into(),
    }
}
