//! What the account holds, against what it must hold: fills of the strategies, of people, deposits, and what
//! nobody was told of. Over real sockets, against the practice exchange.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use support::hand::{Hand, buy, sell};
use support::person::Person;
use support::world::World;
use support::{resume, settings, stop, until};
use tripline::running::Running;
use tripline_actors::gateway::NotReconciled;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, Scope};
use tripline_engine::journal::{Compared, JournalRecord, Reconciliation};
use tripline_engine::order::OrderState;

/// What every reconciliation made of the balances.
fn compared(world: &World) -> Vec<Compared> {
    let records = world.journal.records().into_iter();
    let compared = records.filter_map(|(_, record)| match record {
        JournalRecord::Reconciled(done) => Some(done.balances),
        _ => None,
    });
    compared.collect()
}

/// What the engine expects is what the exchange's own record shows, to the last digit.
async fn agrees(world: &World, running: &Running) {
    let done = running.reconcile().await.unwrap();
    assert_eq!(done.balances, Compared::Equal, "{done:?}");
    let account = "practice".parse().unwrap();
    let sheet = world.state().balances.sheet(account);
    for (asset, expected) in sheet.expected().unwrap() {
        let held = world.exchange.held(asset.as_str()).await;
        assert_eq!(held, *expected, "{asset}");
    }
}

fn account() -> Scope {
    Scope::Account("practice".parse().unwrap())
}

#[actix_rt::test]
async fn own_fills_with_fees_hand_made_trades_and_deposits_all_add_up() {
    let world = World::new().await;
    let (running, hand) = world.trading().await;
    let id = hand
        .place(&world.exchange, buy("60000.02", "0.1"))
        .await
        .unwrap();
    hand.reaches(id, OrderState::Filled).await;
    let person = Person::at(&world.exchange).await;
    person.place("web_1", sell("60000.00", "0.03")).await;
    world.exchange.deposit("USDT", "1000.5").await;
    world.exchange.deposit("BTC", "-0.25").await;
    until("the movements are known", || async {
        let records = world.journal.records();
        let moved = |record: &&(_, JournalRecord)| matches!(record.1, JournalRecord::Moved(_));
        records.iter().filter(moved).count() == 2
    })
    .await;
    agrees(&world, &running).await;
    let traded = world.journal.records().into_iter().any(|(_, record)| {
        matches!(record, JournalRecord::Traded(traded) if !traded.execution.fill.fee.is_zero())
    });
    assert!(traded, "the trade by hand is written down with its fee");
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn a_trade_by_hand_on_an_instrument_that_no_strategy_trades_adds_up() {
    let world = World::new().await;
    let (running, _hand) = world.trading().await;
    let person = Person::at(&world.exchange).await;
    let eth = tripline_engine::order::NewOrder {
        symbol: support::symbol("ETHUSDT"),
        ..buy("3000.02", "0.5")
    };
    person.place("web_1", eth).await;
    until("it is written down", || async {
        let records = world.journal.records();
        let traded = |(_, record): &(_, _)| matches!(record, JournalRecord::Traded(_));
        records.iter().any(traded)
    })
    .await;
    agrees(&world, &running).await;
    assert!(running.board().restricted().is_empty());
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn what_nobody_was_told_of_halts_the_account_and_a_person_who_has_looked_goes_on_from_there()
{
    let world = World::new().await;
    let (running, hand) = world.trading().await;
    let before = world.exchange.held("USDT").await;
    world.exchange.deposit_untold("USDT", "-0.00000001").await;
    let NotReconciled::Differs(reason) = running.reconcile().await.unwrap_err() else {
        panic!("it must differ")
    };
    let after = world.exchange.held("USDT").await;
    let both = format!("USDT: {before} expected, {after} found");
    assert_eq!(
        reason.replace(".00000000", ""),
        format!("{}, difference -0.00000001", both.replace(".00000000", ""))
    );
    let standing = running.board().standing(&account()).unwrap();
    assert_eq!(standing.level, HaltLevel::Halted);
    assert_eq!(standing.incidents[0].fault.kind, FaultKind::BalanceDrift);
    assert!(
        standing.incidents[0]
            .fault
            .detail
            .contains("difference -0.00000001")
    );
    until("a person is told", || async {
        world.robot.told_of(FaultKind::BalanceDrift)
    })
    .await;
    resume(&running, &world.exchange, account()).await;
    assert!(
        matches!(compared(&world).last(), Some(Compared::TakenOver(drifts)) if drifts.len() == 1)
    );
    agrees(&world, &running).await;
    let id = hand
        .place(&world.exchange, buy("60000.01", "0.1"))
        .await
        .unwrap();
    hand.reaches(id, OrderState::Working).await;
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn what_moved_while_the_stream_was_down_is_seen_after_the_reconnect() {
    let world = World::new().await;
    let (running, _hand) = world.trading().await;
    world
        .exchange
        .fault(serde_json::json!({"kind": "user_data_down", "ms": 500}))
        .await;
    world.exchange.deposit_untold("BTC", "1").await;
    until("the account is halted", || async {
        let standing = running.board().standing(&account());
        standing.is_some_and(|standing| standing.incidents[0].fault.kind == FaultKind::BalanceDrift)
    })
    .await;
    drop(running.stop().await);
}

#[actix_rt::test]
async fn the_next_run_holds_the_account_against_what_the_last_one_has_left() {
    let world = World::new().await;
    world
        .until_the_crash(async |world, hand, _| world.resting(hand).await)
        .await;
    // What fills meanwhile is recovered, and is no drift.
    world
        .exchange
        .trade("BTCUSDT", "SELL", "60000.01", "0.04")
        .await;
    let (running, _) = world.trading().await;
    assert_eq!(compared(&world).last(), Some(&Compared::Equal));
    agrees(&world, &running).await;
    stop(running, &world.exchange).await;

    world.exchange.deposit("USDT", "250").await;
    let running = world.start(&Hand::default(), settings()).await;
    until("the account is halted", || async {
        running.board().standing(&account()).is_some()
    })
    .await;
    let standing = running.board().standing(&account()).unwrap();
    assert!(
        standing.incidents[0]
            .fault
            .detail
            .contains("difference 250"),
        "{standing:?}"
    );
    resume(&running, &world.exchange, account()).await;
    agrees(&world, &running).await;
    stop(running, &world.exchange).await;
    let running = world.start(&Hand::default(), settings()).await;
    until("the start is reconciled", || async {
        matches!(compared(&world).last(), Some(Compared::Equal))
            && running.snapshot().await.unwrap().desk.private_stream_live
    })
    .await;
    assert!(running.board().restricted().is_empty());
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn a_reading_that_fails_is_asked_again_and_never_read_as_nothing() {
    let world = World::new().await;
    let (running, _hand) = world.trading().await;
    world
        .exchange
        .fault(
            serde_json::json!({"kind": "server_error", "operation": "account.status", "count": 3}),
        )
        .await;
    let done = tokio::time::timeout(Duration::from_secs(20), running.reconcile())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (done.outcome, done.balances),
        (Reconciliation::Agreed, Compared::Equal)
    );
    assert!(running.board().restricted().is_empty());
    stop(running, &world.exchange).await;
}
