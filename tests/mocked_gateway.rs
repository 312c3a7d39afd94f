//! Strategies against the mocked gateway that ships for users, with nothing else running.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use tripline_actors::testing::{Command, Rig, Scripted, btcusdt};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::messages::market::{BestBidAsk, Level};
use tripline_engine::messages::order::OrderEvent;
use tripline_engine::order::{NewOrder, OrderState, Side};
use tripline_engine::risk::DenialReason;
use tripline_engine::strategy::{Context, Strategy, StrategyError, StrategyResult, Subscription};
use tripline_engine::time::Timestamp;

/// Places one order at every tick and cancels what was accepted.
struct Eager {
    fail_after: Option<u32>,
    ticks: u32,
}

impl Strategy for Eager {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(btcusdt().symbol)]
    }

    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        ctx.every(Duration::from_millis(100));
        Ok(())
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        self.ticks += 1;
        ctx.place(NewOrder::limit(
            best.symbol,
            Side::Buy,
            "0.01".parse()?,
            best.bid.price,
        ))?;
        if self.fail_after == Some(self.ticks) {
            return Err(StrategyError::new("the model has no price"));
        }
        Ok(())
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        if event.order.state == OrderState::Working && !event.order.cancel_pending {
            ctx.cancel(event.order.id);
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        ctx: &mut Context<'_>,
        _: tripline_engine::strategy::TimerId,
    ) -> StrategyResult {
        ctx.alert(
            tripline_engine::messages::alert::Severity::Info,
            "tick of the timer",
        );
        Ok(())
    }
}

fn eager(fail_after: Option<u32>) -> Box<Eager> {
    Box::new(Eager {
        fail_after,
        ticks: 0,
    })
}

fn touch() -> BestBidAsk {
    let level = |price: &str| Level {
        price: price.parse().unwrap(),
        quantity: "1".parse().unwrap(),
    };
    let received = Timestamp::from_millis(1_795_000_000_000);
    let (bid, ask) = (level("60000.00"), level("60000.01"));
    BestBidAsk {
        symbol: btcusdt().symbol,
        bid,
        ask,
        update_id: 1,
        venue_time: None,
        received,
    }
}

#[actix_rt::test]
async fn an_accepted_order_is_cancelled_by_its_id() {
    let rig = Rig::start(eager(None), vec![btcusdt()], []).await;
    rig.send(touch()).await;
    let told = rig.told();
    let [Command::Place(placed), Command::Cancel(cancelled)] = told.as_slice() else {
        panic!("told {told:?}");
    };
    assert_eq!(placed.id, cancelled.id);
}

#[actix_rt::test]
async fn an_error_of_a_callback_is_a_fault_and_its_orders_stay_here() {
    let mut rig = Rig::start(eager(Some(1)), vec![btcusdt()], []).await;
    rig.send(touch()).await;
    let incident = rig.incident().unwrap();
    assert_eq!(
        (incident.fault.kind, rig.placed().len()),
        (FaultKind::StrategyError, 0)
    );
    assert!(incident.fault.detail.contains("the model has no price"));
    rig.send(touch()).await;
    assert_eq!(
        rig.placed().len(),
        0,
        "a halted strategy gets no market data"
    );
}

#[actix_rt::test]
async fn after_the_latch_a_strategy_places_nothing_and_its_timers_stand_still() {
    let rig = Rig::start(eager(None), vec![btcusdt()], []).await;
    rig.pass(Duration::from_millis(250)).await;
    let before = rig.alerts().len();
    assert!(before >= 1, "the timer fires while the strategy is active");
    let scope = Scope::Instrument(btcusdt().symbol);
    let at = rig.clock.now();
    let detail = "made".into();
    rig.trip(Fault {
        kind: FaultKind::StaleData,
        scope,
        actor: "test".into(),
        detail,
        at,
    });
    rig.send(touch()).await;
    rig.pass(Duration::from_millis(250)).await;
    assert_eq!((rig.placed().len(), rig.alerts().len()), (0, before));
}

#[actix_rt::test]
async fn a_denial_a_rejection_and_a_lost_answer_arrive_as_what_they_are() {
    let script = [
        Scripted::Deny(DenialReason::StaleData),
        Scripted::Reject {
            code: -2010,
            text: "Account has insufficient balance for requested action.".into(),
        },
        Scripted::Timeout,
        Scripted::Silence,
    ];
    let mut rig = Rig::start(eager(None), vec![btcusdt()], script).await;
    for _ in 0..4 {
        rig.send(touch()).await;
    }
    assert_eq!(rig.placed().len(), 4);
    assert_eq!(
        rig.told().len(),
        4,
        "nothing that is not at the venue is cancelled"
    );
    assert_eq!(rig.incident(), None, "outcomes are not faults");
}

#[actix_rt::test]
async fn a_gateway_that_panicked_is_seen_at_the_next_command() {
    let mut rig = Rig::start(eager(None), vec![btcusdt()], [Scripted::Panic]).await;
    rig.send(touch()).await;
    while rig.gateway.connected() {
        rig.settle().await;
    }
    rig.send(touch()).await;
    assert_eq!(rig.incident().unwrap().fault.kind, FaultKind::MailboxClosed);
}
