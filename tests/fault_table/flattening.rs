//! A fault while the scope is being flattened.

use rust_decimal::Decimal;
use tripline_actors::gateway::ReadGateway;
use tripline_engine::fault::IncidentId;
use tripline_engine::journal::Flattened;

use super::before::earlier;
use super::*;

/// A flatten under way.
pub struct UnderWay {
    incident: IncidentId,
    bought: ClientOrderId,
    exit: ClientOrderId,
    /// Exits of flattens before it.
    before: usize,
}

impl Table {
    /// Of the exchange's own record: every exit, oldest first, and how much of it was executed.
    async fn exits(&self) -> Vec<(ClientOrderId, Decimal)> {
        let orders = self.exchange.orders().await;
        let told = orders.iter().map(|order| {
            let id = ClientOrderId::new(order["clientOrderId"].as_str().unwrap()).unwrap();
            let executed = order["executedQty"].as_str().unwrap().parse().unwrap();
            (id, executed)
        });
        told.filter(|(id, _)| id.is_exit()).collect()
    }

    fn filled(&self, id: ClientOrderId) -> Decimal {
        let fills = self.hand.fills(id);
        fills.iter().map(|fill| fill.quantity.value()).sum()
    }

    /// Buys, and begins to flatten; the exit is carried out, and nothing of that is told.
    pub async fn flattening(&self, kind: FaultKind, scope: Scope) -> UnderWay {
        let order = buy("60100.00", "0.01");
        let bought = self.hand.place(&self.exchange, order).await.unwrap();
        self.hand.reaches(bought, OrderState::Filled).await;
        let before = self.exits().await.len();
        for unseen in [
            json!({ "kind": "stale_reads", "ms": 400 }),
            json!({ "kind": "timeout", "operation": "order.place", "ms": 10, "live": true }),
            json!({ "kind": "drop_event", "event": "NEW" }),
            json!({ "kind": "drop_event", "event": "TRADE" }),
        ] {
            self.exchange.fault(unseen).await;
        }
        let flatten = Reaction::new(HaltLevel::Halted, RestingOrders::Flatten);
        let incident = self
            .faults
            .raise_as(fault(earlier(kind), scope), flatten)
            .id;
        until("its exit is at the exchange", || async {
            self.exits().await.len() > before
        })
        .await;
        let (exit, _) = self.exits().await[before];
        self.hand.reaches(exit, OrderState::Uncertain).await;
        UnderWay {
            incident,
            bought,
            exit,
            before,
        }
    }

    async fn flattened(&self, incident: IncidentId) -> Option<Flattened> {
        let health = self.running.gateway().send(ReadGateway).await.unwrap();
        let mut ended = health.desk.flattened.into_iter();
        ended.find(|one| one.incidents.contains(&incident))
    }

    /// The fault has neither ended the flatten nor sent its exit again: the position is closed, once.
    pub async fn closed(&self, cell: &str, flatten: UnderWay) {
        until(&format!("{cell}: the flatten has ended"), || async {
            self.flattened(flatten.incident).await.is_some()
        })
        .await;
        let ended = self.flattened(flatten.incident).await.unwrap();
        let exits = self.exits().await;
        let [(exit, executed)] = exits[flatten.before..] else {
            panic!("{cell}: one exit, not {exits:?}");
        };
        assert_eq!((exit, ended.exits), (flatten.exit, 1), "{cell}");
        let fees = self.hand.fills(flatten.bought);
        let fees: Decimal = fees.iter().map(|fill| fill.fee).sum();
        assert_eq!(executed, Decimal::new(1, 2) - fees, "{cell}");
        assert_eq!(self.filled(exit), executed, "{cell}: its strategy was told");
        // What the fee has taken is not there to be sold.
        for left in &ended.left {
            assert!(
                left.why.contains("below the venue's minimum"),
                "{cell}: {left:?}"
            );
        }
        assert_eq!(self.level("hand"), HaltLevel::Halted, "{cell}");
    }
}

/// Another fault does not make it silent either.
#[actix_rt::test]
async fn a_flatten_that_cannot_end_is_told_as_that_after_a_fault() {
    let table = Table::lay(HaltPolicy::default()).await;
    let scope = Scope::Strategy("hand".parse().unwrap());
    let order = buy("60100.00", "0.01");
    let bought = table.hand.place(&table.exchange, order).await.unwrap();
    table.hand.reaches(bought, OrderState::Filled).await;
    // Nobody buys within the collar.
    for bids in [
        json!([["59990.00", "0"], ["60000.00", "0"]]),
        json!([["50000.00", "5"], ["60000.00", "0.003"]]),
    ] {
        let lever = json!({"symbol": "BTCUSDT", "bids": bids});
        table.exchange.market(lever).await;
    }
    let slow = json!({ "kind": "late_execution", "operation": "order.place", "ms": 300 });
    table.exchange.fault(slow).await;
    let flatten = Reaction::new(HaltLevel::Halted, RestingOrders::Flatten);
    let incident = table
        .faults
        .raise_as(fault(FaultKind::Manual, scope), flatten)
        .id;
    until("an exit is on its way", || async {
        let health = table.running.gateway().send(ReadGateway).await.unwrap();
        let mut under_way = health.desk.flattening.values();
        under_way.any(|one| one.is_exiting && !one.left.is_empty())
    })
    .await;
    table.faults.raise(fault(FaultKind::StrategyError, scope));
    until("it has ended", || async {
        table.flattened(incident).await.is_some()
    })
    .await;
    let ended = table.flattened(incident).await.unwrap();
    let [left] = ended.left.as_slice() else {
        panic!("what is left is told: {ended:?}");
    };
    assert!(left.why.contains("exits have not closed it"), "{left:?}");
    assert_eq!(left.net, "0.007".parse().unwrap());
    assert_eq!(table.level("hand"), HaltLevel::Halted);
    let Table {
        running, exchange, ..
    } = table;
    stop(running, &exchange).await;
}
