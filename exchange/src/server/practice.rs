//! `/practice/…`: what the venue does not have. Faults, the record for judges, and the market's levers.

use std::rc::Rc;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use tripline_engine::ids::{AccountId, Asset, Symbol};
use tripline_engine::money::{Price, Quantity, Rounding};

use super::rest::Reply;
use super::signals;
use crate::config::KeyConfig;
use crate::core::Core;
use crate::faults::{FaultSpec, kinds};
use crate::history::Deed;
use crate::model::{LIMIT, Refusal, Side, Time};
use crate::record;
use crate::wire::ApiError;

/// A lever of the market. One request may pull several; they act in the order of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MarketOrder {
    /// Freezes (or thaws) the market's own liquidity; requests still trade with it.
    pause: Option<bool>,
    symbol: Option<Symbol>,
    /// Takes away all of the market's own liquidity of `symbol`.
    clear: bool,
    /// Replaces the market's own liquidity: one level on each side, at `spread` (two ticks) around it.
    mid: Option<Price>,
    spread: Option<Price>,
    /// What a level of `mid` holds, 1 unless given.
    quantity: Option<Quantity>,
    /// Sets levels of the market's own, absolute: `[["59999.00","1.5"],…]`.
    bids: Vec<(Price, Quantity)>,
    asks: Vec<(Price, Quantity)>,
    /// An order of nobody's account that takes what it finds at `price` or better.
    trade: Option<HouseTrade>,
    /// Adds to (or, below zero, takes from) an account's free amount, as a deposit does.
    deposit: Option<Deposit>,
}

impl MarketOrder {
    /// All prices and quantities.
    fn amounts(&self) -> Vec<Decimal> {
        let trade = self.trade.as_ref().map(|one| (one.price, one.quantity));
        let pairs = self.bids.iter().chain(&self.asks).chain(&trade);
        let both = pairs.flat_map(|(price, quantity)| [price.value(), quantity.value()]);
        let prices = [self.mid, self.spread].into_iter().flatten();
        both.chain(prices.map(Price::value))
            .chain(self.quantity.map(Quantity::value))
            .collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HouseTrade {
    price: Price,
    quantity: Quantity,
    /// `BUY` or `SELL`.
    side: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deposit {
    account: AccountId,
    asset: Asset,
    amount: Decimal,
    /// Tells nobody: no event, as when the venue's word on a balance changes without one.
    #[serde(default)]
    untold: bool,
}

fn ok(body: &Value) -> Reply {
    Reply::ok(body.to_string())
}

fn refused(message: String) -> Reply {
    let error = ApiError::new(-1130, message);
    Reply::error(&error, 0)
}

/// Answers `verb /practice/<rest>`.
pub fn handle(core: &Rc<Core>, verb: &str, rest: &str, body: &str) -> Reply {
    let (place, id) = rest.split_once('/').unwrap_or((rest, ""));
    match (verb, place, id) {
        ("GET", "record", "") => ok(&record::report(core)),
        ("GET", "faults", "") => {
            ok(&json!({"active": core.faults.borrow().list(), "kinds": kinds::TABLE}))
        }
        ("POST", "faults", "") => set_faults(core, body),
        ("DELETE", "faults", "") => {
            core.faults.borrow_mut().clear();
            signals::cleared(core);
            ok(&json!({}))
        }
        ("DELETE", "faults", id) => {
            let found = id
                .parse()
                .is_ok_and(|id| core.faults.borrow_mut().remove(id));
            signals::cleared(core);
            if found {
                ok(&json!({}))
            } else {
                refused(format!("there is no fault with the id '{id}'"))
            }
        }
        ("POST", "market" | "keys", "") | ("DELETE", "keys", _) | ("DELETE", "limits", "") => {
            let deed = || Deed::Lever {
                verb: verb.into(),
                rest: rest.into(),
                body: body.into(),
            };
            let done = core.act(deed, || pull_lever(core, (verb, place, id), body));
            done.unwrap_or_else(|error| Reply {
                status: 503,
                ..refused(error.to_string())
            })
        }
        _ => Reply {
            status: 404,
            ..refused(format!("{verb} /practice/{rest} is not known"))
        },
    }
}

/// What changes the exchange and is written down.
fn pull_lever(core: &Rc<Core>, (verb, place, id): (&str, &str, &str), body: &str) -> Reply {
    match (verb, place) {
        ("POST", "market") => move_market(core, body),
        ("POST", _) => add_key(core, body),
        (_, "keys") => {
            if core.revoke_key(id) {
                ok(&json!({}))
            } else {
                refused(format!("there is no key '{id}'"))
            }
        }
        _ => {
            core.limits.borrow_mut().clear();
            ok(&json!({}))
        }
    }
}

/// One fault or an array of them; either all are set or none.
fn set_faults(core: &Rc<Core>, body: &str) -> Reply {
    let value: Result<Value, _> = serde_json::from_str(body);
    let faults = value.and_then(|value| match value {
        Value::Array(_) => serde_json::from_value::<Vec<FaultSpec>>(value),
        one => serde_json::from_value::<FaultSpec>(one).map(|fault| vec![fault]),
    });
    let faults = match faults {
        Ok(faults) => faults,
        Err(error) => return refused(format!("the fault does not parse: {error}")),
    };
    if let Some(error) = faults.iter().find_map(|one| core.check_fault(one).err()) {
        return refused(error.to_string());
    }
    let ids: Vec<u64> = faults
        .into_iter()
        .map(|fault| signals::set_fault(core, fault))
        .collect();
    ok(&json!({"ids": ids}))
}

/// An API key for an account, as it would stand in the configuration.
#[derive(Debug, Deserialize)]
struct NewKey {
    account: AccountId,
    #[serde(flatten)]
    key: KeyConfig,
}

fn add_key(core: &Core, body: &str) -> Reply {
    let new: NewKey = match serde_json::from_str(body) {
        Ok(new) => new,
        Err(error) => return refused(format!("the key does not parse: {error}")),
    };
    if let Err(refusal) = core.model.borrow().account(new.account) {
        return Reply::error(&refusal.into(), core.now_us());
    }
    match core.add_key(new.account, &new.key) {
        Ok(()) => ok(&json!({})),
        Err(error) => refused(error.to_string()),
    }
}

fn move_market(core: &Rc<Core>, body: &str) -> Reply {
    let order: MarketOrder = match serde_json::from_str(body) {
        Ok(order) => order,
        Err(error) => return refused(format!("the market order does not parse: {error}")),
    };
    if let Some(amount) = order.amounts().into_iter().find(|amount| *amount > LIMIT) {
        return refused(format!("{amount} is not possible: give {LIMIT} at most"));
    }
    if let Some(pause) = order.pause {
        core.paused.set(pause);
        core.market_changed.notify_one();
    }
    let moved = pull(core, &order);
    core.settle();
    core.users.flush(core);
    match moved {
        Ok(taken) => ok(&json!({"paused": core.paused.get(), "taken": taken})),
        Err(refusal) => Reply::error(&refusal.into(), core.now_us()),
    }
}

/// Acts on the book; returns what the house's order took.
fn pull(core: &Core, order: &MarketOrder) -> Result<Option<Quantity>, Refusal> {
    let now = core.now();
    if let Some(deposit) = &order.deposit {
        let Deposit {
            account,
            asset,
            amount,
            untold,
        } = *deposit;
        let mut model = core.model.borrow_mut();
        if untold {
            model.deposit_untold(account, asset, amount, now)?;
        } else {
            model.deposit(account, asset, amount, now)?;
        }
    }
    let Some(symbol) = order.symbol else {
        return Ok(None);
    };
    let levels = match order.mid {
        Some(mid) => around(core, symbol, mid, order)?,
        None => Vec::new(),
    };
    set_levels(core, symbol, now, order, &levels)?;
    let Some(trade) = &order.trade else {
        return Ok(None);
    };
    let side = Side::parse(&trade.side).ok_or(Refusal::fixed(-1117, "Invalid side."))?;
    let mut model = core.model.borrow_mut();
    model
        .operate(symbol, now, |run| {
            run.market_takes(side, trade.price, trade.quantity)
        })
        .map(Some)
}

fn set_levels(
    core: &Core,
    symbol: Symbol,
    now: Time,
    order: &MarketOrder,
    around: &[(Side, Price, Quantity)],
) -> Result<(), Refusal> {
    core.model.borrow_mut().operate(symbol, now, |run| {
        if order.clear || order.mid.is_some() {
            run.clear_market();
        }
        for (side, price, quantity) in around {
            run.set_market_level(*side, *price, *quantity);
        }
        for (price, quantity) in &order.bids {
            run.set_market_level(Side::Buy, *price, *quantity);
        }
        for (price, quantity) in &order.asks {
            run.set_market_level(Side::Sell, *price, *quantity);
        }
    })
}

/// One level on each side of the wanted middle, on the symbol's grid.
fn around(
    core: &Core,
    symbol: Symbol,
    mid: Price,
    order: &MarketOrder,
) -> Result<Vec<(Side, Price, Quantity)>, Refusal> {
    let overflow = |_| Refusal::fixed(-1130, "The price is out of range.");
    let tick = core.model.borrow().instrument(symbol)?.filters.price.tick;
    let quantity = order
        .quantity
        .or_else(|| Quantity::new(Decimal::ONE).ok())
        .unwrap_or_default();
    let half = match order.spread {
        Some(spread) => Price::new(spread.value() / Decimal::TWO).map_err(overflow)?,
        None => tick,
    };
    let bid = mid
        .saturating_sub(half)
        .round_to(tick, Rounding::Down)
        .map_err(overflow)?;
    let ask = mid
        .checked_add(half)
        .and_then(|ask| ask.round_to(tick, Rounding::Up))
        .map_err(overflow)?;
    Ok(vec![
        (Side::Buy, bid, quantity),
        (Side::Sell, ask, quantity),
    ])
}
