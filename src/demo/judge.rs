//! Holds the engine's record against the exchange's: every order, position and balance.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::Value;
use tripline_engine::ids::{Asset, ClientOrderId, RunId, StrategyId, Symbol};
use tripline_engine::messages::account::Balance;
use tripline_engine::money::{MoneyError, Quantity, parse_decimal};
use tripline_engine::order::{Order, OrderState};
use tripline_engine::position::{BalanceSheet, Drift, Judged, StrategyPosition};

/// What the comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) orders: usize,
    pub(super) filled: usize,
    pub(super) canceled: usize,
    pub(super) open_at_exchange: usize,
    pub(super) fills_at_exchange: usize,
    pub(super) fills_in_engine: usize,
    /// Each difference, in words.
    pub(super) differences: Vec<String>,
}

/// One order as the exchange recorded it.
#[derive(Debug)]
struct Recorded {
    status: String,
    executed: Quantity,
    trades: BTreeSet<u64>,
}

/// Compares the orders of a run. `record` is the answer to `GET /practice/record`.
pub(super) fn compare(run: RunId, orders: &[Order], record: &Value) -> Result<Verdict, String> {
    let recorded = recorded(run, record)?;
    let mut verdict = Verdict {
        orders: recorded.len(),
        ..Verdict::default()
    };
    for order in recorded.values() {
        verdict.fills_at_exchange += order.trades.len();
        match order.status.as_str() {
            "FILLED" => verdict.filled += 1,
            "CANCELED" => verdict.canceled += 1,
            "NEW" | "PARTIALLY_FILLED" => verdict.open_at_exchange += 1,
            _ => {}
        }
    }
    let known: BTreeMap<ClientOrderId, &Order> =
        orders.iter().map(|order| (order.id, order)).collect();
    for (id, at_exchange) in &recorded {
        match known.get(id) {
            None => verdict.differences.push(format!(
                "{id} is at the exchange and not known to the engine"
            )),
            Some(order) => verdict.differences.extend(difference(order, at_exchange)),
        }
    }
    for order in orders {
        verdict.fills_in_engine += order.fills().len();
        let never_there = matches!(order.state, OrderState::Denied | OrderState::Rejected);
        if !never_there && !recorded.contains_key(&order.id) {
            verdict.differences.push(format!(
                "{} is {:?} in the engine and not at the exchange",
                order.id, order.state
            ));
        }
    }
    Ok(verdict)
}

fn difference(order: &Order, at_exchange: &Recorded) -> Option<String> {
    let state = match at_exchange.status.as_str() {
        "NEW" => OrderState::Working,
        "PARTIALLY_FILLED" => OrderState::PartiallyFilled,
        "FILLED" => OrderState::Filled,
        "CANCELED" => OrderState::Canceled,
        "EXPIRED" | "EXPIRED_IN_MATCH" => OrderState::Expired,
        _ => OrderState::Rejected,
    };
    let trades: BTreeSet<u64> = order.fills().iter().map(|fill| fill.trade_id.0).collect();
    let same = order.state == state
        && order.executed() == at_exchange.executed
        && trades == at_exchange.trades;
    (!same).then(|| {
        format!(
            "{}: {:?} with {} executed in {} fills here, {} with {} executed in {} fills at the exchange",
            order.id, order.state, order.executed(), trades.len(), at_exchange.status, at_exchange.executed,
            at_exchange.trades.len()
        )
    })
}

fn recorded(run: RunId, record: &Value) -> Result<BTreeMap<ClientOrderId, Recorded>, String> {
    let mut orders = BTreeMap::new();
    for row in rows(record, "orders")? {
        let id = ClientOrderId::new(text(row, "clientOrderId")?);
        let id = id.map_err(|error| error.to_string())?;
        if id.origin().is_none_or(|origin| origin.run != run) {
            continue;
        }
        let executed: Quantity = text(row, "executedQty")?
            .parse()
            .map_err(|error| format!("executedQty: {error}"))?;
        let fills = row["fills"]
            .as_array()
            .ok_or("an order of the record lacks fills")?;
        let trades = fills
            .iter()
            .filter_map(|fill| fill["id"].as_u64())
            .collect();
        orders.insert(
            id,
            Recorded {
                status: text(row, "status")?.to_owned(),
                executed,
                trades,
            },
        );
    }
    Ok(orders)
}

/// Compares each strategy's net position with what the exchange recorded of its orders.
pub(super) fn positions(
    run: RunId,
    held: &[StrategyPosition],
    record: &Value,
) -> Result<Vec<String>, String> {
    let mut wanted: BTreeMap<(StrategyId, Symbol), Decimal> = BTreeMap::new();
    for row in rows(record, "orders")? {
        let origin = ClientOrderId::new(text(row, "clientOrderId")?);
        let origin = origin.map_err(|error| error.to_string())?.origin();
        let Some(origin) = origin.filter(|origin| origin.run == run) else {
            continue;
        };
        let symbol = Symbol::new(text(row, "symbol")?).map_err(|error| error.to_string())?;
        let net = wanted.entry((origin.strategy, symbol)).or_default();
        for fill in row["fills"].as_array().into_iter().flatten() {
            let quantity = amount(fill, "qty")?;
            match text(row, "side")? {
                "BUY" => *net += quantity,
                _ => *net -= quantity,
            }
        }
    }
    let nets = held.iter().map(|held| {
        let place = (held.strategy, held.position.symbol());
        (place, held.position.net())
    });
    let found: BTreeMap<_, _> = nets.collect();
    let places: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let mut differences = Vec::new();
    for place in places {
        let of = |nets: &BTreeMap<_, Decimal>| nets.get(place).copied().unwrap_or_default();
        let (here, at_exchange) = (of(&found), of(&wanted));
        if here != at_exchange {
            let (strategy, symbol) = place;
            differences.push(format!(
                "{strategy} holds {here} of {symbol} here and {at_exchange} by the exchange's record"
            ));
        }
    }
    Ok(differences)
}

/// Compares the account's balances with what they were before, moved by every fill that is known here.
pub(super) fn balances(
    before: &Value,
    orders: &[Order],
    held: &[StrategyPosition],
    record: &Value,
) -> Result<Vec<String>, String> {
    let wrong = |error: MoneyError| error.to_string();
    let mut sheet = BalanceSheet::default();
    let beginning = read_balances(before)?;
    let from_the_start = tripline_engine::time::Timestamp::EPOCH;
    sheet
        .begin(sheet.ask(), &beginning, 0, from_the_start)
        .map_err(wrong)?;
    for order in orders.iter().filter(|order| !order.fills().is_empty()) {
        let symbol = order.terms.symbol;
        let position = held.iter().find(|held| held.position.symbol() == symbol);
        let Some(position) = position else {
            return Ok(vec![format!("there are fills of {symbol} and no position")]);
        };
        for fill in order.fills() {
            let counted = sheet.fill(position.position.pair(), order.terms.side, fill);
            counted.map_err(|error| error.to_string())?;
        }
    }
    let found = read_balances(record)?;
    let drift = |drift: &Drift| {
        let Drift {
            asset,
            expected,
            found,
            ..
        } = drift;
        format!("the balance of {asset} must be {expected} and is {found} at the exchange")
    };
    Ok(match sheet.judge(sheet.ask(), &found, 0).map_err(wrong)? {
        Judged::Equal => Vec::new(),
        Judged::Differs(drifts) => drifts.iter().map(drift).collect(),
        Judged::Unclear(reason) => vec![format!("the balances prove nothing: {reason}")],
    })
}

fn read_balances(record: &Value) -> Result<Vec<Balance>, String> {
    let balance = |row: &Value| {
        Ok(Balance {
            asset: Asset::new(text(row, "asset")?).map_err(|error| error.to_string())?,
            free: amount(row, "free")?,
            locked: amount(row, "locked")?,
        })
    };
    rows(record, "balances")?.iter().map(balance).collect()
}

/// A list of the first account.
fn rows<'a>(record: &'a Value, list: &str) -> Result<&'a Vec<Value>, String> {
    let rows = record["accounts"][0][list].as_array();
    rows.ok_or_else(|| format!("the record lists no {list}"))
}

fn text<'a>(row: &'a Value, key: &str) -> Result<&'a str, String> {
    let text = row[key].as_str();
    text.ok_or_else(|| format!("an entry of the record lacks {key}"))
}

fn amount(row: &Value, key: &'static str) -> Result<Decimal, String> {
    parse_decimal(key, text(row, key)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tripline_engine::ids::{OrderIds, StrategyId, TradeId};
    use tripline_engine::messages::order::Fill;
    use tripline_engine::order::state::Learnt;
    use tripline_engine::order::{NewOrder, Side, VenueStatus};
    use tripline_engine::position::{Pair, Position};
    use tripline_engine::time::Timestamp;

    fn run() -> RunId {
        RunId::from_millis(1_795_000_000_000)
    }

    fn canceled_order() -> Order {
        let strategy = StrategyId::new("a").unwrap();
        let id = OrderIds::new(strategy, run()).next_id();
        let terms = NewOrder::limit(
            "BTCUSDT".parse().unwrap(),
            Side::Buy,
            "1".parse().unwrap(),
            "10".parse().unwrap(),
        );
        let mut order = Order::new(id, strategy, terms, Timestamp::from_millis(0));
        order
            .learn(Learnt::HandedOver, Timestamp::from_millis(1))
            .unwrap();
        order
            .learn(
                Learnt::Shown(VenueStatus::Canceled),
                Timestamp::from_millis(2),
            )
            .unwrap();
        order
    }

    fn record(id: &str, status: &str, executed: &str) -> Value {
        json!({"accounts": [{"orders": [{"clientOrderId": id, "status": status, "executedQty": executed, "fills": []}]}]})
    }

    #[test]
    fn every_difference_is_found() {
        let order = canceled_order();
        let id = order.id.as_str();
        let differences = |orders: &[Order], record: &Value| {
            compare(run(), orders, record).unwrap().differences.len()
        };
        assert_eq!(
            differences(
                std::slice::from_ref(&order),
                &record(id, "CANCELED", "0.00000000")
            ),
            0
        );
        assert_eq!(
            differences(
                std::slice::from_ref(&order),
                &record(id, "NEW", "0.00000000")
            ),
            1
        );
        assert_eq!(
            differences(
                std::slice::from_ref(&order),
                &record(id, "CANCELED", "0.10000000")
            ),
            1
        );
        assert_eq!(differences(&[], &record(id, "CANCELED", "0.00000000")), 1);
        assert_eq!(
            differences(std::slice::from_ref(&order), &record("by_hand", "NEW", "0")),
            1
        );
        assert!(compare(run(), &[], &json!({})).is_err());
    }
    /// An order that bought 1 BTC at 10.01 with a fee in BTC, and the position that it makes.
    fn bought() -> (Order, StrategyPosition) {
        let mut order = canceled_order();
        let fill = Fill {
            trade_id: TradeId(1),
            price: "10.01".parse().unwrap(),
            quantity: "1".parse().unwrap(),
            fee: Decimal::new(1, 3),
            fee_asset: Some("BTC".parse().unwrap()),
            maker: None,
            at: Timestamp::from_millis(3),
            recovered: false,
        };
        order
            .add_fills(std::slice::from_ref(&fill), Timestamp::from_millis(3))
            .unwrap();
        let mut position = Position::new(Pair {
            symbol: "BTCUSDT".parse().unwrap(),
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            quote_precision: 8,
        });
        position.apply(Side::Buy, &fill).unwrap();
        let strategy = order.strategy;
        (order, StrategyPosition { strategy, position })
    }

    #[test]
    fn a_position_that_the_exchanges_fills_do_not_add_up_to_is_found() {
        let (order, held) = bought();
        let record = |side: &str, quantities: &[&str]| {
            let fills: Vec<_> = quantities.iter().map(|qty| json!({"qty": qty})).collect();
            json!({"accounts": [{"orders": [
                {"clientOrderId": order.id, "symbol": "BTCUSDT", "side": side, "fills": fills},
                {"clientOrderId": "by_hand", "symbol": "BTCUSDT", "side": "BUY", "fills": [{"qty": "9"}]},
            ]}]})
        };
        let differences = |held: &[StrategyPosition], record: &Value| {
            positions(run(), held, record).unwrap().len()
        };
        let held = std::slice::from_ref(&held);
        assert_eq!(
            differences(held, &record("BUY", &["0.40000000", "0.60000000"])),
            0
        );
        assert_eq!(differences(held, &record("BUY", &["0.40000000"])), 1);
        assert_eq!(differences(held, &record("SELL", &["1"])), 1);
        assert_eq!(differences(&[], &record("BUY", &["1"])), 1);
        assert_eq!(differences(&[], &record("BUY", &[])), 0);
        assert!(positions(run(), held, &json!({})).is_err());
    }

    #[test]
    fn a_balance_that_the_fills_do_not_lead_to_is_found_to_the_last_digit() {
        let (order, held) = bought();
        let record = |btc: &str, usdt: &str| {
            json!({"accounts": [{"balances": [
                {"asset": "BTC", "free": btc, "locked": "1.00000000"},
                {"asset": "USDT", "free": usdt, "locked": "0.00000000"},
            ]}]})
        };
        let before = record("4.00000000", "100.00000000");
        let differences = |orders: &[Order], record: &Value| {
            balances(&before, orders, std::slice::from_ref(&held), record).unwrap()
        };
        let orders = std::slice::from_ref(&order);
        assert!(differences(orders, &record("4.99900000", "89.99000000")).is_empty());
        assert_eq!(
            differences(orders, &record("4.99900000", "89.99000001")),
            ["the balance of USDT must be 89.99 and is 89.99000001 at the exchange"]
        );
        assert_eq!(
            differences(&[], &record("4.99900000", "89.99000000")).len(),
            2
        );
        let none = balances(&before, orders, &[], &before).unwrap();
        assert_eq!(none, ["there are fills of BTCUSDT and no position"]);
    }
}
