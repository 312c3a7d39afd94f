//! The engine and the practice exchange as processes that are killed with `kill -9` at random moments while
//! they trade, and started again: nothing is lost, doubled or forgotten. And as processes that are stopped and
//! go on: nobody trades on what was true before.
//!
//! `TRIPLINE_KILL_SEED` repeats a run's draws, `TRIPLINE_KILLS` and `TRIPLINE_EXCHANGE_KILLS` say how often
//! is killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "killed/chronicle.rs"]
mod chronicle;
#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "cli/program.rs"]
mod program;
#[path = "killed/record.rs"]
mod record;
#[path = "killed/teller.rs"]
mod teller;
#[path = "killed/world.rs"]
mod world;

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tripline_engine::halt::Scope;
use tripline_engine::order::OrderState;
use tripline_engine::time::Timestamp;
use world::{World, number, random, wait};

/// Two that quote and hedge on the same instrument, one that quotes both sides of another.
const STRATEGIES: &str = r#"
[[strategy]]
id = "sell"
kind = "dynamic_quote"
config = { symbol = "BTCUSDT", side = "SELL", quantity = "0.002", levels = [1, 2], period = "50ms" }
[[strategy]]
id = "buy"
kind = "dynamic_quote"
config = { symbol = "BTCUSDT", side = "BUY", quantity = "0.003", levels = [1, 2], period = "70ms" }
[[strategy]]
id = "maker"
kind = "spread_maker"
config = { symbol = "ETHUSDT", quantity = "0.2", spread_ticks = 2, max_inventory = "20", requote_ticks = 1, pause = "20ms" }
"#;

/// Something that goes wrong at the exchange shortly before the engine is killed.
fn trouble(rng: &mut StdRng) -> Value {
    match rng.random_range(0..6) {
        0 => json!({"kind": "timeout", "operation": "order.place", "ms": 60_000}),
        1 => json!({"kind": "cut_after", "operation": "order.place"}),
        2 => json!({"kind": "drop_event", "event": "TRADE"}),
        3 => json!({"kind": "bad_event", "event": "executionReport"}),
        4 => json!({"kind": "disconnect"}),
        _ => json!({"kind": "bad_message", "stream": "btcusdt@bookTicker"}),
    }
}

#[test]
fn an_engine_that_is_killed_again_and_again_loses_doubles_and_forgets_nothing() {
    let mut rng = random();
    let kills = number("TRIPLINE_KILLS").unwrap_or(20);
    let mut world = World::new("killed-engine", rng.random(), STRATEGIES);
    for round in 0..kills {
        // A halt stands through at least one run before a person lifts it.
        let halted = !world.chronicle.standing().is_empty();
        if halted && rng.random_bool(0.5) {
            world.make_it_trade();
        } else {
            world.start_engine(false);
            if !halted && rng.random_bool(0.75) {
                world.trades();
            }
        }
        if rng.random_bool(0.25) {
            world.fault(&trouble(&mut rng));
        }
        wait(&mut rng, 1_000);
        world.kill_engine();
        world.clear_faults();
        world.read_journal();
        if round % 10 == 9 {
            world.record().holds_against(&world.chronicle);
        }
    }
    world.make_it_trade();
    world.settle();
}

#[test]
fn an_exchange_that_is_killed_again_and_again_is_found_as_it_was() {
    let mut rng = random();
    let kills = number("TRIPLINE_EXCHANGE_KILLS").unwrap_or(5);
    let mut world = World::new("killed-exchange", rng.random(), STRATEGIES);
    world.begin();
    for _ in 0..kills {
        wait(&mut rng, 1_000);
        let before = world.record();
        wait(&mut rng, 100);
        world.kill_exchange();
        wait(&mut rng, 500);
        world.start_exchange();
        world.record().continues(&before);
        wait(&mut rng, 1_000);
        // The engine lives: what is at the exchange now is in the journal a moment later.
        let record = world.record();
        world.read_journal();
        record.holds_against(&world.chronicle);
        if !world.trades() {
            world.stop_engine();
            world.make_it_trade();
        }
    }
    world.settle();
}

#[test]
fn no_fill_reaches_a_strategy_twice_or_not_at_all_however_often_its_engine_is_killed() {
    let mut rng = random();
    let kills = usize::try_from(number("TRIPLINE_KILLS").unwrap_or(8)).unwrap();
    let mut world = World::new("killed-strategy", rng.random(), STRATEGIES);
    let mut account = teller::Account::default();
    for run in 0..kills {
        let command = teller::engine(&world, run);
        world.start(command);
        if rng.random_bool(0.75) {
            world.trades();
        }
        wait(&mut rng, 1_000);
        world.kill_engine();
        world.read_journal();
        account.take(&world, run);
    }
    let command = teller::engine(&world, kills);
    world.start(command);
    world.trades();
    world.settle();
    let kept_back = account.kept_back;
    account.take(&world, kills);
    assert_eq!(account.kept_back, kept_back, "the last run ended in order");
    println!("{kept_back} fills were kept back by a kill");
}

#[test]
fn an_engine_that_was_stopped_trades_only_on_what_it_has_looked_at_again() {
    let mut world = World::new("stopped-engine", 5, STRATEGIES);
    let command = teller::engine(&world, 0);
    world.start(command);
    world.trades();
    // An order whose answer is under way is of unknown outcome afterwards, which halts.
    world.market(&json!({"pause": true}));
    world.until("no answer is under way", |world| {
        world.read_journal();
        let unsettled = world.chronicle.state.orders.unsettled();
        let mut states = unsettled.map(|memory| memory.order.state);
        states.all(|state| state == OrderState::Working)
    });
    world.signal_engine("STOP");
    world.market(&json!({"pause": false}));
    // Meanwhile its sockets fill with ticks around 60000, and then the market is elsewhere.
    std::thread::sleep(Duration::from_millis(1_000));
    world.market(&json!({"pause": true, "symbol": "BTCUSDT", "mid": "61000", "quantity": "50"}));
    std::thread::sleep(Duration::from_millis(4_500));
    let (woken, _) = world.prices_since(i64::MAX);
    world.signal_engine("CONT");
    let mut quantity = 1;
    world.until("it trades again", |world| {
        quantity += 1;
        let held = quantity.to_string();
        world.market(&json!({"symbol": "BTCUSDT", "mid": "61000", "quantity": held}));
        world.read_journal();
        !world.prices_since(woken).1.is_empty() || !world.chronicle.standing().is_empty()
    });
    let (_, prices) = world.prices_since(woken);
    let fresh = |price: &Decimal| (*price - Decimal::from(61_000)).abs() < Decimal::TEN;
    assert!(prices.iter().all(fresh), "{prices:?}");
    world.settle();
    let woken = Timestamp::from_micros(woken);
    let agreed = world.chronicle.agreed.iter().find(|at| **at > woken);
    let intents = world.chronicle.intents.values();
    let later = intents.map(|(intent, _)| intent.created);
    // It may have been halted instead, by an order whose answer was under way.
    if let Some(first) = later.filter(|at| *at > woken).min() {
        assert!(agreed.unwrap() < &first, "{agreed:?} and {first:?}");
    }
}

#[test]
fn an_exchange_that_stands_still_is_noticed_and_told_and_nothing_is_placed_until_a_person_has_looked()
 {
    let mut world = World::new("stopped-exchange", 6, STRATEGIES);
    world.begin();
    world.signal_exchange("STOP");
    world.until("every instrument is halted", |world| {
        world.read_journal();
        let halted = ["BTCUSDT", "ETHUSDT"].map(|name| Scope::Instrument(name.parse().unwrap()));
        halted
            .iter()
            .all(|scope| world.chronicle.standing().contains(scope))
    });
    world.until("it is told", |world| {
        world.read_journal();
        world.chronicle.state.alerts.due().next().is_none()
    });
    world.signal_exchange("CONT");
    world.stop_engine();
    world.make_it_trade();
    world.settle();
}

#[test]
fn the_engine_of_the_test_about_fills() {
    teller::be_the_engine();
}
