//! An engine ends without warning, and the next one goes on from its journal: over real sockets against the
//! practice exchange. The end is that of the runtime on which the engine lives: nothing of it runs any more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::hand::{Hand, buy};
use support::world::World;
use support::{resume, settings, stop, until};
use tripline::settings::EngineSettings;
use tripline_engine::halt::{HaltLevel, Scope};
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::order::OrderState;

#[actix_rt::test]
async fn an_order_that_a_crash_left_open_is_handed_to_its_strategy_with_what_was_filled_meanwhile()
{
    let world = World::new().await;
    let id = world
        .until_the_crash(async |world, hand, _| world.resting(hand).await)
        .await;
    world
        .exchange
        .trade("BTCUSDT", "SELL", "60000.01", "0.04")
        .await;
    let hand = Hand::default();
    let running = world.start(&hand, settings()).await;
    hand.is_ready(&world.exchange).await;
    until("the fill is delivered", || async { hand.all_fills() == 1 }).await;
    let fills = hand.fills(id);
    assert!(fills[0].recovered);
    assert_eq!(fills[0].quantity, "0.04".parse().unwrap());
    let desk = running.snapshot().await.unwrap().desk;
    assert_eq!(desk.orders.len(), 1, "nothing is doubled");
    assert_eq!(desk.orders[0].state, OrderState::PartiallyFilled);
    stop(running, &world.exchange).await;
    let state = world.state();
    assert!(state.ended_in_order());
    assert_eq!(state.orders.unsettled().count(), 0);
    assert_eq!(world.exchange.placements().await.len(), 1);
}

#[actix_rt::test]
async fn an_order_that_a_crash_left_open_is_cancelled_before_its_strategy_begins_if_so_configured()
{
    let world = World::new().await;
    let id = world
        .until_the_crash(async |world, hand, _| world.resting(hand).await)
        .await;
    let hand = Hand::default();
    let settings = EngineSettings {
        earlier_orders: RestingOrders::Cancel,
        ..settings()
    };
    let running = world.start(&hand, settings).await;
    hand.is_ready(&world.exchange).await;
    assert_eq!(world.exchange.open_orders().await.len(), 0);
    assert_eq!(hand.kinds(id).last(), Some(&"Canceled"));
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn an_order_whose_answer_never_came_is_uncertain_to_the_next_run_and_found_at_the_venue() {
    let world = World::new().await;
    let id = world
        .until_the_crash(async |world, hand, _| {
            world
                .exchange
                .fault(json!({"kind": "timeout", "operation": "order.place", "live": true, "ms": 60_000}))
                .await;
            let id = hand.place(&world.exchange, buy("59990.00", "0.1")).await.unwrap();
            until("it is at the exchange", || async {
                !world.exchange.open_orders().await.is_empty()
            })
            .await;
            id
        })
        .await;
    world.exchange.clear_faults().await;
    let hand = Hand::default();
    let running = world.start(&hand, settings()).await;
    hand.is_ready(&world.exchange).await;
    // Its event may have been written down before the crash.
    let kinds = hand.kinds(id);
    assert!(
        kinds == ["Uncertain", "Accepted"] || kinds == ["Accepted"],
        "{kinds:?}"
    );
    let next = hand
        .place(&world.exchange, buy("59990.00", "0.1"))
        .await
        .unwrap();
    assert_ne!(next.origin().unwrap().run, id.origin().unwrap().run);
    hand.reaches(next, OrderState::Working).await;
    stop(running, &world.exchange).await;
    assert_eq!(
        world.exchange.placements().await.len(),
        2,
        "one of each run"
    );
}

#[actix_rt::test]
async fn a_stop_that_keeps_orders_waits_until_it_is_known_how_each_stands() {
    let world = World::new().await;
    let hand = Hand::default();
    let settings = EngineSettings {
        resting_orders: RestingOrders::Keep,
        ..settings()
    };
    let running = world.start(&hand, settings).await;
    hand.is_ready(&world.exchange).await;
    world
        .exchange
        .fault(json!({"kind": "event_before_response", "operation": "order.place", "ms": 700}))
        .await;
    world
        .exchange
        .fault(json!({"kind": "delay_event", "event": "NEW", "ms": 700}))
        .await;
    let id = hand
        .place(&world.exchange, buy("59990.00", "0.1"))
        .await
        .unwrap();
    until("it is at the exchange", || async {
        !world.exchange.open_orders().await.is_empty()
    })
    .await;
    let report = running.stop().await;
    assert!(report.stop.swept, "{report:?}");
    assert_eq!((report.stop.open, report.exit_code()), (1, 0));
    let orders = world.state().orders;
    assert_eq!(orders.order(&id).unwrap().order.state, OrderState::Working);
}

#[actix_rt::test]
async fn a_halt_stands_through_a_crash_until_a_person_lifts_it() {
    let world = World::new().await;
    let scope = Scope::Strategy("hand".parse().unwrap());
    world
        .until_the_crash(async |_, _, running| {
            running.halt(scope, "the test says so");
        })
        .await;
    let hand = Hand::default();
    let running = world.start(&hand, settings()).await;
    let standing = running.board().standing(&scope).unwrap();
    assert_eq!(standing.level, HaltLevel::Halted);
    assert!(
        standing.incidents[0]
            .fault
            .detail
            .contains("the test says so")
    );
    until("a person is told that it still stands", || async {
        let told = world.robot.texts();
        told.iter()
            .any(|text| text.contains("still halted since an earlier run"))
    })
    .await;
    until("the private stream is up", || async {
        let desk = running.snapshot().await.unwrap().desk;
        desk.private_stream_live
    })
    .await;
    resume(&running, &world.exchange, scope).await;
    hand.is_ready(&world.exchange).await;
    world.resting(&hand).await;
    stop(running, &world.exchange).await;
    assert_eq!(world.state().halts.standing().count(), 0);
}

#[actix_rt::test]
async fn a_start_that_is_to_resume_lifts_what_an_earlier_run_has_left_and_nothing_that_came_since()
{
    let world = World::new().await;
    let hand = Scope::Strategy("hand".parse().unwrap());
    let instrument = Scope::Instrument("BTCUSDT".parse().unwrap());
    world
        .until_the_crash(async |_, _, running| {
            running.halt(hand, "before");
            running.halt(instrument, "before");
        })
        .await;
    let running = world.start(&Hand::default(), settings()).await;
    // Whoever has ordered the resume before the start has seen neither.
    running.halt(Scope::Global, "since");
    running.halt(instrument, "since");
    let moves = async {
        loop {
            for size in ["1", "2"] {
                world.exchange.tick("BTCUSDT", size).await;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    };
    tokio::select! {
        () = moves => {}
        () = running.resume_earlier("looked", "ann") => {}
    }
    let level = |scope| running.board().standing(&scope).unwrap().level;
    let levels = [hand, instrument, Scope::Global].map(level);
    let (active, halted) = (HaltLevel::Active, HaltLevel::Halted);
    assert_eq!(levels, [active, halted, halted]);
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn an_alert_that_was_due_at_the_crash_is_sent_after_it() {
    let world = World::new().await;
    world.robot.refuse();
    world
        .until_the_crash(async |world, _, running| {
            running.halt(Scope::Global, "nobody hears of this");
            until("it is refused", || async { world.robot.refused() > 0 }).await;
        })
        .await;
    world.robot.accept();
    let running = world.start(&Hand::default(), settings()).await;
    until("it arrives", || async {
        let told = world.robot.texts();
        told.iter()
            .any(|text| text.contains("nobody hears of this") && text.contains("Due since"))
    })
    .await;
    until("the journal knows", || async {
        let due = world.state();
        due.alerts
            .due()
            .all(|(_, due)| !due.alert.title.contains("nobody hears"))
    })
    .await;
    tokio::time::timeout(Duration::from_secs(20), running.stop())
        .await
        .unwrap();
}

#[actix_rt::test]
async fn what_cannot_be_written_down_is_not_sent_and_halts_everything() {
    let world = World::new().await;
    let hand = Hand::default();
    let running = world.start(&hand, settings()).await;
    hand.is_ready(&world.exchange).await;
    let full = tripline_engine::journal::JournalError::Full {
        doing: "appending to",
        path: "journal".into(),
    };
    world.journal.fail(full);
    let id = hand
        .place(&world.exchange, buy("60000.01", "0.1"))
        .await
        .unwrap();
    hand.reaches(id, OrderState::Denied).await;
    let standing = running.board().standing(&Scope::Global).unwrap();
    assert_eq!(standing.level, HaltLevel::Halted);
    assert_eq!(world.exchange.placements().await.len(), 0);
    stop(running, &world.exchange).await;
}
