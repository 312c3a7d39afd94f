//! Reduce-only and flatten of the composed program, against the practice exchange over real sockets; and the gate that
//! a resume passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};
use support::hand::{Hand, buy, sell};
use support::world::World;
use support::{resume, settings, stop, symbol, until};
use tokio::task::LocalSet;
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline_actors::gateway::ReadGateway;
use tripline_actors::market_data::ReadMarket;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{Amiss, HaltLevel, HaltPolicy, Reaction, ResumeRefused, Scope};
use tripline_engine::ids::ClientOrderId;
use tripline_engine::journal::JournalRecord;
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::order::OrderState;
use tripline_engine::risk::DenialReason;

/// A strategy that is ready and holds 0.1 BTC, with an order that rests.
async fn holding(world: &World, hand: &Hand, settings: EngineSettings) -> (Running, ClientOrderId) {
    let running = world.start(hand, settings).await;
    hand.is_ready(&world.exchange).await;
    let order = buy("60100.00", "0.1");
    let bought = hand.place(&world.exchange, order).await.unwrap();
    hand.reaches(bought, OrderState::Filled).await;
    let order = buy("59000.00", "0.1");
    let resting = hand.place(&world.exchange, order).await.unwrap();
    hand.reaches(resting, OrderState::Working).await;
    (running, resting)
}

/// Of the exchange's own record: the exits, oldest first.
async fn exits(world: &World) -> Vec<Value> {
    let mut orders = world.exchange.orders().await;
    orders.retain(|order| {
        let id = order["clientOrderId"].as_str().unwrap();
        ClientOrderId::new(id).unwrap().is_exit()
    });
    orders
}

/// How many flattens have ended.
fn flattened(world: &World) -> usize {
    let records = world.journal.records();
    let ended = records
        .iter()
        .filter(|(_, record)| matches!(record, JournalRecord::Flattened(_)));
    ended.count()
}

async fn told(world: &World, part: &str) {
    until(&format!("a person was told '{part}'"), || async {
        // Markdown escapes much.
        let texts = world.robot.texts();
        texts
            .iter()
            .any(|text| text.replace('\\', "").contains(part))
    })
    .await;
}

fn scope() -> Scope {
    Scope::Strategy("hand".parse().unwrap())
}

async fn net(running: &Running) -> String {
    let desk = running.snapshot().await.unwrap().desk;
    let held = desk
        .positions
        .iter()
        .find(|one| one.position.symbol() == symbol("BTCUSDT"));
    held.map(|one| one.position.net().normalize().to_string())
        .unwrap_or_default()
}

async fn resumed(running: &Running) -> Result<(), ResumeRefused> {
    let standing = running.board().standing(&scope()).unwrap();
    running
        .resume(standing.resume(scope(), "looked", "ann"))
        .await
}

#[actix_rt::test]
async fn a_flatten_cancels_exits_within_the_collar_and_leaves_the_strategy_flat() {
    let (world, hand) = (World::new().await, Hand::default());
    let (running, resting) = holding(&world, &hand, settings()).await;
    let before = world.exchange.placements().await.len();
    running.flatten(scope(), "drill");
    until("it is flat", || async { flattened(&world) == 1 }).await;
    hand.reaches(resting, OrderState::Canceled).await;
    let exits = exits(&world).await;
    assert_eq!(exits.len(), 1, "{exits:?}");
    let exit = &exits[0];
    assert_eq!(
        (&exit["side"], &exit["type"], &exit["timeInForce"]),
        (&"SELL".into(), &"LIMIT".into(), &"IOC".into())
    );
    let price: f64 = exit["price"].as_str().unwrap().parse().unwrap();
    assert!(
        (59_399.9..59_401.0).contains(&price),
        "one percent below the middle: {price}"
    );
    assert_eq!(
        world.exchange.placements().await.len(),
        before + 1,
        "nothing but the exit"
    );
    // What the fee took of the purchase is not there to be sold, and less than a lot.
    let left = net(&running).await;
    assert!(["0", "0.0001"].contains(&left.as_str()), "{left}");
    let id = ClientOrderId::new(exit["clientOrderId"].as_str().unwrap()).unwrap();
    until("its strategy was told", || async {
        !hand.fills(id).is_empty()
    })
    .await;
    assert_eq!(hand.kinds(id).first(), Some(&"Submitted"));
    resume(&running, &world.exchange, scope()).await;
    let next = hand
        .place(&world.exchange, buy("59000.00", "0.1"))
        .await
        .unwrap();
    hand.reaches(next, OrderState::Working).await;
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn what_cannot_be_sold_within_the_collar_is_told_and_shown() {
    let (world, hand) = (World::new().await, Hand::default());
    let mut settings = settings();
    settings.flatten.attempts = 3;
    let (running, _) = holding(&world, &hand, settings).await;
    let thin = json!({"symbol": "BTCUSDT", "bids": [["50000.00", "5"], ["60000.00", "0.03"]]});
    world
        .exchange
        .market(json!({"symbol": "BTCUSDT", "bids": [["59990.00", "0"], ["60000.00", "0"]]}))
        .await;
    world.exchange.market(thin).await;
    running.flatten(scope(), "drill");
    until("it has ended", || async { flattened(&world) == 1 }).await;
    told(&world, "is NOT flat: 1 positions are left").await;
    told(&world, "3 exits have not closed it").await;
    assert_eq!(net(&running).await, "0.07");
    assert_eq!(exits(&world).await.len(), 3);
    assert_eq!(
        running.board().standing(&scope()).unwrap().level,
        HaltLevel::Halted
    );
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn a_flatten_that_a_crash_has_ended_goes_on_in_the_next_run() {
    let world = World::new().await;
    let local = LocalSet::new();
    local
        .run_until(async {
            let hand = Hand::default();
            let (running, _) = holding(&world, &hand, settings()).await;
            // The cancel is not answered, so that no exit goes out before the crash.
            world
                .exchange
                .fault(json!({"kind": "no_response", "operation": "order.cancel", "live": false}))
                .await;
            running.flatten(scope(), "drill");
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(exits(&world).await.len(), 0);
            std::mem::forget(running);
        })
        .await;
    drop(local);
    world.exchange.clear_faults().await;
    let hand = Hand::default();
    let running = world.start(&hand, settings()).await;
    told(&world, "was not finished in an earlier run").await;
    hand.is_ready(&world.exchange).await;
    until("it is flat", || async { flattened(&world) == 1 }).await;
    assert_eq!(exits(&world).await.len(), 1);
    assert_eq!(
        running.board().standing(&scope()).unwrap().level,
        HaltLevel::Halted
    );
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn a_stop_during_a_flatten_is_told_with_what_is_left() {
    let (world, hand) = (World::new().await, Hand::default());
    let mut settings = settings();
    settings.stop_within = Duration::from_secs(1);
    let (running, _) = holding(&world, &hand, settings).await;
    world
        .exchange
        .fault(json!({"kind": "no_response", "operation": "order.cancel", "live": false}))
        .await;
    running.flatten(scope(), "drill");
    until("it is under way", || async {
        let gateway = running.gateway().send(ReadGateway).await.unwrap();
        gateway.desk.flattening.contains_key(&scope())
    })
    .await;
    running.stop().await;
    told(
        &world,
        "the engine stops while strategy hand is flattened: 1 positions are left",
    )
    .await;
    assert_eq!((flattened(&world), exits(&world).await.len()), (0, 0));
}

#[actix_rt::test]
async fn under_reduce_only_a_position_is_reduced_and_not_enlarged_or_turned() {
    let (world, hand) = (World::new().await, Hand::default());
    let (running, resting) = holding(&world, &hand, settings()).await;
    let reduce = Reaction::new(HaltLevel::ReduceOnly, RestingOrders::Keep);
    running.halt_as(scope(), reduce, "drill");
    let refused = Err(DenialReason::Halted(HaltLevel::ReduceOnly));
    assert_eq!(
        hand.place(&world.exchange, buy("59000.00", "0.01")).await,
        refused
    );
    assert_eq!(
        hand.place(&world.exchange, sell("61000.00", "0.2")).await,
        refused
    );
    let most = hand
        .place(&world.exchange, sell("61000.00", "0.06"))
        .await
        .unwrap();
    hand.reaches(most, OrderState::Working).await;
    assert_eq!(
        hand.place(&world.exchange, sell("61000.00", "0.05")).await,
        refused
    );
    let rest = hand
        .place(&world.exchange, sell("59500.00", "0.03"))
        .await
        .unwrap();
    hand.reaches(rest, OrderState::Filled).await;
    assert_eq!(
        hand.kinds(resting).last(),
        Some(&"Accepted"),
        "it was to stay"
    );
    resume(&running, &world.exchange, scope()).await;
    let entry = hand
        .place(&world.exchange, sell("61000.00", "0.2"))
        .await
        .unwrap();
    hand.reaches(entry, OrderState::Working).await;
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn a_resume_is_refused_with_what_is_not_in_order() {
    let (world, hand) = (World::new().await, Hand::default());
    let mut settings = settings();
    settings.stale_after = Duration::from_millis(1_500);
    settings.clock_every = Duration::from_millis(200);
    let (running, _) = holding(&world, &hand, settings).await;
    running.halt(scope(), "drill");
    let amiss = || async {
        match resumed(&running).await {
            Err(ResumeRefused::NotInOrder { amiss, .. }) => amiss,
            other => panic!("{other:?}"),
        }
    };
    // The market stands still.
    until("its data is not fresh", || async {
        let market = running.market_data().send(ReadMarket).await.unwrap();
        market.iter().any(|one| !one.fresh)
    })
    .await;
    let data = Amiss::Data(symbol("BTCUSDT"));
    assert!(amiss().await.contains(&data));

    let gateway = || async { running.gateway().send(ReadGateway).await.unwrap().desk };
    world
        .exchange
        .fault(json!({"kind": "clock_offset", "offset_ms": 5_000}))
        .await;
    until("the clock is off", || async { !gateway().await.clock_good }).await;
    assert!(amiss().await.contains(&Amiss::Clock));
    world.exchange.clear_faults().await;

    world
        .exchange
        .fault(json!({"kind": "user_data_down", "ms": 3_000}))
        .await;
    until("the private stream is down", || async {
        !gateway().await.private_stream_live
    })
    .await;
    let refused = resumed(&running).await.unwrap_err();
    assert!(refused.to_string().contains("private stream"), "{refused}");
    assert_eq!(
        running.board().standing(&scope()).unwrap().level,
        HaltLevel::Halted
    );
    running.stop().await;
}

/// Data is soon stale, and a halt by that ends by itself a second after it is back.
fn ending_by_itself() -> EngineSettings {
    let mut settings = settings();
    settings.stale_after = Duration::from_millis(600);
    settings.fault_after = Duration::from_millis(1_200);
    let by_itself = Reaction {
        resumes_after: Some(Duration::from_secs(1)),
        ..Reaction::STRICT
    };
    settings.policy = HaltPolicy::default().with(FaultKind::StaleData, by_itself);
    settings
}

#[actix_rt::test]
async fn a_market_halt_ends_by_itself_when_so_configured_and_an_error_halt_does_not() {
    let (world, hand) = (World::new().await, Hand::default());
    let running = world.start(&hand, ending_by_itself()).await;
    hand.is_ready(&world.exchange).await;
    let instrument = Scope::Instrument(symbol("BTCUSDT"));
    let level = || {
        running
            .board()
            .standing(&instrument)
            .map(|one| one.level)
            .unwrap_or_default()
    };
    until("the silence halts", || async {
        level() == HaltLevel::Halted
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(level(), HaltLevel::Halted, "it is silent still");
    let size = Cell::new(0);
    until("it ends by itself", || async {
        size.set(size.get() % 5 + 1);
        world
            .exchange
            .tick("BTCUSDT", &size.get().to_string())
            .await;
        level() == HaltLevel::Active
    })
    .await;
    told(
        &world,
        "resumed by the engine, as configured: everything has been in order for 1s",
    )
    .await;
    assert_eq!(
        running.snapshot().await.unwrap().safety.resumed_by_itself,
        1
    );
    until("the silence halts again", || async {
        level() == HaltLevel::Halted
    })
    .await;
    running.halt(instrument, "and a person does too");
    let silent = tokio::time::Instant::now();
    while silent.elapsed() < Duration::from_secs(4) {
        world
            .exchange
            .tick(
                "BTCUSDT",
                &(silent.elapsed().as_millis() % 5 + 1).to_string(),
            )
            .await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(
            level(),
            HaltLevel::Halted,
            "a person's halt is a person's to lift"
        );
    }
    running.stop().await;
}

#[actix_rt::test]
async fn a_market_halt_ends_by_itself_also_where_the_venue_takes_longer_to_answer_than_the_pause_before()
 {
    let (world, hand) = (World::new().await, Hand::default());
    let running = world.start(&hand, ending_by_itself()).await;
    hand.is_ready(&world.exchange).await;
    let instrument = Scope::Instrument(symbol("BTCUSDT"));
    let level = || {
        let standing = running.board().standing(&instrument);
        standing.map(|one| one.level).unwrap_or_default()
    };
    until("the silence halts", || async {
        level() == HaltLevel::Halted
    })
    .await;
    // Less than a request may take; the balances are asked for when the rest was told.
    for operation in ["openOrders.status", "account.status"] {
        let slow =
            json!({"kind": "delay_response", "operation": operation, "ms": 1_400, "count": 0});
        world.exchange.fault(slow).await;
    }
    let began = tokio::time::Instant::now();
    while level() == HaltLevel::Halted {
        assert!(
            began.elapsed() < Duration::from_secs(12),
            "each resume began the reconciliation of the one before anew"
        );
        let size = began.elapsed().as_millis() % 5 + 1;
        world.exchange.tick("BTCUSDT", &size.to_string()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.exchange.clear_faults().await;
    running.stop().await;
}
