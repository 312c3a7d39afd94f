//! What requests weigh (Binance Spot API docs, the weight of each endpoint).

use crate::wire::Params;

pub fn depth(params: &Params) -> u32 {
    match params.integer("limit") {
        Ok(Some(0..=100) | None) | Err(_) => 5,
        Ok(Some(101..=500)) => 25,
        Ok(Some(501..=1_000)) => 50,
        Ok(Some(_)) => 250,
    }
}

pub fn day_ticker(params: &Params) -> u32 {
    match (params.get("symbol"), params.symbols()) {
        (Some(_), _) => 2,
        (None, Ok(Some(names))) if names.len() <= 20 => 2,
        (None, Ok(Some(names))) if names.len() <= 100 => 40,
        _ => 80,
    }
}

pub fn one_or_all(params: &Params, one: u32, all: u32) -> u32 {
    if params.get("symbol").is_some() {
        one
    } else {
        all
    }
}

pub fn my_trades(params: &Params) -> u32 {
    if params.get("orderId").is_some() {
        5
    } else {
        20
    }
}

pub fn prevented_matches(params: &Params) -> u32 {
    if params.get("preventedMatchId").is_some() {
        2
    } else {
        20
    }
}

pub fn order_test(params: &Params) -> u32 {
    if params.boolean("computeCommissionRates") == Ok(Some(true)) {
        20
    } else {
        1
    }
}

/// 2 for each named symbol, at most 40, as for all of them.
pub fn execution_rules(params: &Params) -> u32 {
    let named = match (params.get("symbol"), params.symbols()) {
        (Some(_), _) => 1,
        (None, Ok(Some(names))) => u32::try_from(names.len()).unwrap_or(20),
        _ => 20,
    };
    named.min(20) * 2
}

/// 4 for each symbol, at most 200.
pub fn per_symbol(params: &Params) -> u32 {
    let count = params
        .symbols()
        .ok()
        .flatten()
        .map_or(1, |names| names.len());
    u32::try_from(count).unwrap_or(50).min(50) * 4
}
