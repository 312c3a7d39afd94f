//! The judge: holds what the engine believes and told against the exchange's own record.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::{ClientOrderId, RunId, TradeId};
use tripline_engine::order::{Order, OrderState};

use super::engine::Traces;
use crate::running::ExitReport;

/// Whether a crashed engine's knowledge reaches the next one. Until it does, orders that ended, fills that
/// were told and halts that stood before a crash are not held against the engine that comes after it.
pub(super) const KNOWLEDGE_SURVIVES_A_CRASH: bool = false;

/// The exchange's record, as far as the judge reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    arrivals: Vec<Arrival>,
    accounts: Vec<AccountRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arrival {
    operation: String,
    client_order_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AccountRecord {
    orders: Vec<OrderRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderRecord {
    client_order_id: String,
    status: String,
    orig_qty: Decimal,
    executed_qty: Decimal,
    fills: Vec<FillRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FillRecord {
    id: u64,
    price: Decimal,
    qty: Decimal,
    commission: Decimal,
    commission_asset: String,
}

impl OrderRecord {
    fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "NEW" | "PARTIALLY_FILLED")
    }

    fn state(&self) -> OrderState {
        match self.status.as_str() {
            "NEW" => OrderState::Working,
            "PARTIALLY_FILLED" => OrderState::PartiallyFilled,
            "FILLED" => OrderState::Filled,
            "CANCELED" => OrderState::Canceled,
            "EXPIRED" | "EXPIRED_IN_MATCH" => OrderState::Expired,
            _ => OrderState::Rejected,
        }
    }
}

/// How one start of the engine ended.
pub(super) struct Ended {
    pub(super) traces: Traces,
    /// `None` when it never ran.
    pub(super) run: Option<RunId>,
    /// `None` for one that crashed.
    pub(super) report: Option<ExitReport>,
}

/// What the record says, by the engine's own ids.
pub(super) struct Case<'a> {
    orders: BTreeMap<ClientOrderId, Vec<&'a OrderRecord>>,
    arrivals: BTreeMap<ClientOrderId, usize>,
}

impl Record {
    /// # Errors
    /// What is not as the exchange's record should be.
    pub(super) fn read(record: Value) -> Result<Self, String> {
        serde_json::from_value(record).map_err(|error| format!("the exchange's record: {error}"))
    }

    pub(super) fn orders(&self) -> usize {
        self.all_orders().count()
    }

    pub(super) fn fills(&self) -> usize {
        self.all_orders().map(|order| order.fills.len()).sum()
    }

    fn all_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.accounts.iter().flat_map(|account| &account.orders)
    }

    fn case(&self) -> Case<'_> {
        let mut orders: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for order in self.all_orders() {
            if let Ok(id) = ClientOrderId::new(&order.client_order_id) {
                orders.entry(id).or_default().push(order);
            }
        }
        let mut arrivals = BTreeMap::new();
        let placements = self
            .arrivals
            .iter()
            .filter(|arrival| arrival.operation == "order.place");
        for id in
            placements.filter_map(|one| ClientOrderId::new(one.client_order_id.as_deref()?).ok())
        {
            *arrivals.entry(id).or_default() += 1;
        }
        Case { orders, arrivals }
    }

    /// Everything that is not as it has to be, in words.
    pub(super) fn judge(&self, engines: &[Ended]) -> Vec<String> {
        let case = self.case();
        let mut wrong = case.doubled();
        for engine in engines {
            wrong.extend(case.after_the_latch(engine));
            wrong.extend(case.told_twice(engine));
            wrong.append(&mut engine.traces.told.wrong.borrow_mut());
            if let (Some(run), Some(report)) = (engine.run, &engine.report) {
                wrong.extend(case.differences(run, report));
                wrong.extend(case.not_told(engine, run));
            }
        }
        wrong
    }
}

fn is_of(id: &ClientOrderId, run: RunId) -> bool {
    id.origin().is_some_and(|origin| origin.run == run)
}

impl Case<'_> {
    /// No intent has two orders at the exchange, or was sent twice.
    fn doubled(&self) -> Vec<String> {
        let orders = self.orders.iter().filter(|(_, orders)| orders.len() > 1);
        let doubled = orders.map(|(id, orders)| format!("{id} has {} orders", orders.len()));
        let sent = self.arrivals.iter().filter(|(_, times)| **times > 1);
        let twice = sent.map(|(id, times)| format!("{id} was placed {times} times"));
        doubled.chain(twice).collect()
    }

    /// Of the orders that were handed to the socket after the latch, none is at the exchange.
    fn after_the_latch(&self, engine: &Ended) -> Vec<String> {
        let handed_over = engine.traces.handed_over.borrow();
        let late = handed_over
            .iter()
            .filter(|one| one.level > HaltLevel::Active && self.orders.contains_key(&one.id));
        late.map(|one| {
            format!(
                "{} was handed over while its strategy was {}",
                one.id, one.level
            )
        })
        .collect()
    }

    fn told_twice(&self, engine: &Ended) -> Vec<String> {
        let fills = engine.traces.told.fills.borrow();
        let twice = fills.iter().filter(|(_, told)| told.times > 1);
        twice
            .map(|((id, trade), told)| {
                format!("trade {trade} of {id} was told {} times", told.times)
            })
            .collect()
    }

    /// Every fill of a run reached its strategy.
    fn not_told(&self, engine: &Ended, run: RunId) -> Vec<String> {
        let told = engine.traces.told.fills.borrow();
        let mut missing = Vec::new();
        for (id, orders) in self.orders.iter().filter(|(id, _)| is_of(id, run)) {
            for fill in orders.iter().flat_map(|order| &order.fills) {
                if !told.contains_key(&(*id, TradeId(fill.id))) {
                    missing.push(format!("trade {} of {id} was told to nobody", fill.id));
                }
            }
        }
        missing
    }

    /// Orders of the run and what is open are the same on both sides, to the last digit.
    fn differences(&self, run: RunId, report: &ExitReport) -> Vec<String> {
        let Some(snapshot) = &report.snapshot else {
            return vec!["the gateway did not answer at the stop".into()];
        };
        let known: BTreeMap<_, _> = snapshot
            .desk
            .orders
            .iter()
            .map(|order| (order.id, order))
            .collect();
        let mut wrong = Vec::new();
        for (id, orders) in &self.orders {
            let is_judged = |order: &&&OrderRecord| {
                is_of(id, run) || order.is_open() || KNOWLEDGE_SURVIVES_A_CRASH
            };
            for order in orders.iter().filter(is_judged) {
                match known.get(id) {
                    Some(known) => wrong.extend(difference(known, order)),
                    None => wrong.push(format!(
                        "{id} is {} at the exchange and not known to the engine",
                        order.status
                    )),
                }
            }
        }
        for order in known.values() {
            let never_there = matches!(order.state, OrderState::Denied | OrderState::Rejected);
            if !never_there && !self.orders.contains_key(&order.id) {
                let (id, state) = (order.id, order.state);
                wrong.push(format!(
                    "{id} is {state:?} in the engine and not at the exchange"
                ));
            }
        }
        wrong
    }
}

fn difference(order: &Order, recorded: &OrderRecord) -> Option<String> {
    let mut here: Vec<_> = order
        .fills()
        .iter()
        .map(|fill| {
            let asset = fill.fee_asset.map(|asset| asset.to_string());
            (
                fill.trade_id.0,
                fill.price.value(),
                fill.quantity.value(),
                fill.fee,
                asset.unwrap_or_default(),
            )
        })
        .collect();
    let mut there: Vec<_> = recorded
        .fills
        .iter()
        .map(|fill| {
            let asset = fill.commission_asset.clone();
            (fill.id, fill.price, fill.qty, fill.commission, asset)
        })
        .collect();
    here.sort_unstable();
    there.sort_unstable();
    let same = order.state == recorded.state()
        && order.executed().value() == recorded.executed_qty
        && order.terms.quantity.value() == recorded.orig_qty
        && here == there;
    (!same).then(|| {
        format!(
            "{}: {:?} with {} of {} executed in {here:?} here, {} with {} of {} executed in {there:?} at the exchange",
            order.id,
            order.state,
            order.executed(),
            order.terms.quantity,
            recorded.status,
            recorded.executed_qty,
            recorded.orig_qty,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::engine::HandedOver;
    use super::*;
    use serde_json::json;
    use tripline_engine::ids::{OrderIds, StrategyId};

    fn run() -> RunId {
        RunId::from_millis(1_795_000_000_000)
    }

    fn id() -> ClientOrderId {
        OrderIds::new(StrategyId::new("a").unwrap(), run()).next_id()
    }

    /// Two orders with the same id, the first with a fill.
    fn record(orders: usize) -> Record {
        let fill = json!({"id": 7, "price": "10", "qty": "1", "commission": "0", "commissionAsset": "BTC"});
        let order = json!({
            "clientOrderId": id(), "status": "FILLED", "origQty": "1", "executedQty": "1", "fills": [fill],
        });
        let arrival = json!({"operation": "order.place", "clientOrderId": id()});
        let record = json!({
            "arrivals": vec![arrival; orders],
            "accounts": [{"orders": vec![order; orders]}],
        });
        Record::read(record).unwrap()
    }

    fn crashed() -> Ended {
        Ended {
            traces: Traces::default(),
            run: Some(run()),
            report: None,
        }
    }

    #[test]
    fn an_intent_with_two_orders_is_found() {
        assert_eq!(record(1).judge(&[]), Vec::<String>::new());
        assert_eq!(record(2).judge(&[]).len(), 2);
    }

    #[test]
    fn an_order_that_left_after_the_latch_is_found_when_it_is_at_the_exchange() {
        for (level, found) in [(HaltLevel::Active, 0), (HaltLevel::Halted, 1)] {
            let engine = crashed();
            let left = HandedOver { id: id(), level };
            engine.traces.handed_over.borrow_mut().push(left);
            assert_eq!(record(1).judge(&[engine]).len(), found);
        }
    }

    #[test]
    fn a_fill_that_was_told_twice_is_found() {
        for (times, found) in [(1, 0), (2, 1)] {
            let engine = crashed();
            let mut fills = engine.traces.told.fills.borrow_mut();
            fills.entry((id(), TradeId(7))).or_default().times = times;
            drop(fills);
            assert_eq!(record(1).judge(&[engine]).len(), found);
        }
    }
}
