//! Orders for a venue's port, without an engine.

use std::rc::Rc;

use tripline_actors::testing::btcusdt;
use tripline_engine::halt::{Gate, HaltBoard, HaltLevel, Membership, Purpose};
use tripline_engine::ids::{ClientOrderId, OrderOrigin, RunId};
use tripline_engine::instrument::OpenCounts;
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::ports::{OrderPort, OrderRef, PlaceOutcome, VenueError};
use tripline_engine::risk::{Approved, Preconditions, RiskState, Situation, approve};
use tripline_engine::time::Timestamp;

use super::{symbol, until};

/// The order of this number in a run of its own: a bid far below the market.
pub fn order(number: u64) -> Approved<PlaceOrder> {
    let order = PlaceOrder {
        id: id(number),
        strategy: "test".parse().unwrap(),
        account: "practice".parse().unwrap(),
        terms: super::hand::buy("59000.00", "0.001"),
        created: Timestamp::EPOCH,
    };
    approved(order)
}

pub fn approved(order: PlaceOrder) -> Approved<PlaceOrder> {
    let preconditions = Preconditions {
        level: HaltLevel::Active,
        purpose: Purpose::Entry,
        private_stream_live: true,
        clock_good: true,
        instrument_frozen: false,
        stopping: false,
    };
    let (instrument, mut risk) = (btcusdt(), RiskState::default());
    risk.add_instrument(&instrument);
    risk.prepare(order.strategy, order.terms.symbol);
    let situation = Situation {
        instrument: &instrument,
        reference: Some("60000".parse().unwrap()),
        open: OpenCounts::default(),
        preconditions,
        risk: &risk,
        now: Timestamp::EPOCH,
    };
    approve(order, situation).unwrap()
}

pub fn id(number: u64) -> ClientOrderId {
    ClientOrderId::of(&OrderOrigin {
        strategy: "test".parse().unwrap(),
        run: RunId::from_millis(1_790_000_000_000),
        sequence: number,
    })
}

pub fn order_ref(number: u64) -> OrderRef {
    OrderRef {
        symbol: symbol("BTCUSDT"),
        id: id(number),
        venue_id: None,
    }
}

pub fn gate() -> Gate {
    let membership = Membership {
        strategy: "test".parse().unwrap(),
        account: "practice".parse().unwrap(),
        venue: "binance".parse().unwrap(),
        instruments: vec![symbol("BTCUSDT")].into(),
    };
    Gate::new(HaltBoard::new(), membership.into())
}

/// Places the order; what the venue says, or why it was not handed over.
pub async fn place(orders: &Rc<dyn OrderPort>, number: u64) -> Result<(), Placing> {
    match orders.place(&order(number), &gate()).await {
        PlaceOutcome::Answered(Ok(_)) => Ok(()),
        PlaceOutcome::Answered(Err(error)) => Err(Placing::Answered(error)),
        PlaceOutcome::NotSent(error) => Err(Placing::NotSent(error)),
        other => panic!("{other:?}"),
    }
}

/// Why an order does not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placing {
    Answered(VenueError),
    NotSent(VenueError),
}

/// Waits until orders can be handed over.
pub async fn connected(orders: &Rc<dyn OrderPort>) {
    until("orders can be handed over", || async {
        orders.ready().is_ok()
    })
    .await;
}
