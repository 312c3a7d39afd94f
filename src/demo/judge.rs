//! Holds the engine's record against the exchange's, order by order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tripline_engine::ids::{ClientOrderId, RunId};
use tripline_engine::money::Quantity;
use tripline_engine::order::{Order, OrderState};

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
    let rows = record["accounts"][0]["orders"]
        .as_array()
        .ok_or("the record lists no orders")?;
    let mut orders = BTreeMap::new();
    for row in rows {
        let text = |key: &str| {
            row[key]
                .as_str()
                .ok_or_else(|| format!("an order of the record lacks {key}"))
        };
        let id = ClientOrderId::new(text("clientOrderId")?).map_err(|error| error.to_string())?;
        if id.origin().is_none_or(|origin| origin.run != run) {
            continue;
        }
        let executed: Quantity = text("executedQty")?
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
                status: text("status")?.to_owned(),
                executed,
                trades,
            },
        );
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tripline_engine::ids::{OrderIds, StrategyId};
    use tripline_engine::order::state::Learnt;
    use tripline_engine::order::{NewOrder, Side, VenueStatus};
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
}
