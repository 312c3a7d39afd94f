//! An error in any actor halts exactly the strategies in its scope: nothing of theirs reaches the
//! exchange after the latch, their resting orders are cancelled and confirmed, and a person is told by a
//! signed message over real HTTP. The market ticks all the while, so that what is not halted trades.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::rc::Rc;
use std::time::Duration;

use actix::Actor;
use serde_json::{Value, json};
use support::bare::Bare;
use support::quoter::{Misbehave, Quoter, Script, Ticking};
use support::receiver::Robot;
use support::trial::Trial;
use support::{Exchange, engine, settings, symbol, until};
use tripline::settings::EngineSettings;
use tripline_actors::addresses::StrategyAddress;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, ResumeRefused, Scope};
use tripline_engine::messages::control::Resume;
use tripline_engine::strategy::Subscription;

/// What goes wrong.
enum Injected {
    /// In the callback of the strategy on BTCUSDT.
    Strategy(Misbehave),
    /// At the exchange.
    Venue(Value),
}

/// Whom a fault may halt beside the strategy on BTCUSDT.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    /// Not at all: it goes on trading.
    Trades,
    Halted,
    /// Only if an order of its own was on its way over the connection that broke.
    Perhaps,
}

struct Case {
    injected: Injected,
    kind: FaultKind,
    other: Other,
    settings: fn(&mut EngineSettings),
}

fn patient(_: &mut EngineSettings) {}

fn watchful(settings: &mut EngineSettings) {
    settings.stale_after = Duration::from_millis(700);
    settings.fault_after = Duration::from_millis(1_400);
}

fn punctual(settings: &mut EngineSettings) {
    settings.clock_every = Duration::from_millis(100);
}

async fn halts(name: &str, case: Case) {
    let trial = Trial::start(case.settings).await;
    let injected = trial.now();
    match case.injected {
        Injected::Strategy(how) => trial.btc.script.misbehave.set(Some(how)),
        Injected::Venue(fault) => drop(trial.exchange.fault(fault).await),
    }
    trial.halted(&trial.btc, case.kind).await;
    let verdict = trial.judge(&trial.btc, injected).await;
    println!(
        "{name}: latch after {:?}, {} orders after it",
        verdict.latch_after, verdict.orders_after
    );
    assert_eq!(verdict.orders_after, 0, "{name}");
    match case.other {
        Other::Trades => {
            assert_eq!(trial.incidents(&trial.eth), [], "{name}: out of scope");
            trial.trades(&trial.eth).await;
            let open = trial.exchange.open_orders().await;
            assert!(
                open.iter().any(|order| order["price"] == "2750.00000000"),
                "{name}: it rests on: {open:?}"
            );
        }
        Other::Halted => {
            trial.halted(&trial.eth, case.kind).await;
            assert_eq!(
                trial.judge(&trial.eth, injected).await.orders_after,
                0,
                "{name}"
            );
        }
        Other::Perhaps => {
            let foreign = |kind| ![FaultKind::UnknownOutcome, case.kind].contains(&kind);
            let incidents = trial.incidents(&trial.eth);
            assert!(
                !incidents
                    .iter()
                    .any(|incident| foreign(incident.fault.kind)),
                "{name}: {incidents:?}"
            );
        }
    }
    trial.told_of(case.kind).await;
    trial.exchange.clear_faults().await;
    trial.swept(&trial.btc).await;
    if case.other == Other::Halted {
        trial.swept(&trial.eth).await;
    }
    let report = trial.stop().await;
    assert_eq!(report.exit_code(), 3, "{name}: a halt stands: {report:?}");
}

macro_rules! cases {
    ($($name:ident: $injected:expr => $kind:ident, $other:ident $(, $settings:ident)?;)+) => {
        $(
            #[actix_rt::test]
            async fn $name() {
                let settings = cases!(@settings $($settings)?);
                let case = Case { injected: $injected, kind: FaultKind::$kind, other: Other::$other, settings };
                halts(stringify!($name), case).await;
            }
        )+
    };
    (@settings) => { patient };
    (@settings $settings:ident) => { $settings };
}

fn venue(fault: Value) -> Injected {
    Injected::Venue(fault)
}

/// A fault of the next order on BTCUSDT.
fn order(mut fault: Value) -> Injected {
    fault["operation"] = "order.place".into();
    fault["symbol"] = "BTCUSDT".into();
    Injected::Venue(fault)
}

cases! {
    an_error_of_a_callback_halts_its_strategy: Injected::Strategy(Misbehave::Error) => StrategyError, Trades;
    a_panic_of_a_callback_halts_its_strategy: Injected::Strategy(Misbehave::Panic) => ActorPanic, Trades;

    a_market_message_that_is_no_json_halts_its_instrument:
        venue(json!({"kind": "bad_message", "stream": "btcusdt@bookTicker"})) => ChangedData, Trades;
    a_market_field_of_another_type_halts_its_instrument:
        venue(json!({"kind": "bad_message", "stream": "btcusdt@bookTicker", "how": "number_for_string", "field": "b"}))
            => ChangedData, Trades;
    a_flood_of_bad_market_messages_halts_its_instrument:
        venue(json!({"kind": "bad_message", "stream": "btcusdt@bookTicker", "count": 0})) => ChangedData, Trades;
    silence_of_a_symbol_halts_its_instrument:
        venue(json!({"kind": "silence", "symbol": "BTCUSDT"})) => StaleData, Trades, watchful;

    a_stall_that_ends_in_1007_with_the_order_live_halts_the_strategy:
        order(json!({"kind": "timeout", "ms": 500, "live": true})) => UnknownOutcome, Trades;
    a_stall_that_ends_in_1007_with_the_order_dead_halts_the_strategy:
        order(json!({"kind": "timeout", "ms": 500, "live": false})) => UnknownOutcome, Trades;
    an_order_that_is_never_answered_halts_the_strategy:
        order(json!({"kind": "no_response"})) => UnknownOutcome, Trades;
    an_overloaded_venue_halts_the_strategy: order(json!({"kind": "overloaded"})) => UnknownOutcome, Trades;
    an_empty_server_error_halts_the_strategy:
        order(json!({"kind": "server_error", "status": 502})) => UnknownOutcome, Trades;
    an_empty_server_error_with_the_order_live_halts_the_strategy:
        order(json!({"kind": "server_error", "status": 502, "live": true})) => UnknownOutcome, Trades;
    a_connection_that_is_cut_after_the_order_halts_the_strategy:
        order(json!({"kind": "cut_after"})) => UnknownOutcome, Perhaps;
    a_connection_that_is_cut_before_the_order_halts_the_strategy:
        order(json!({"kind": "cut_before"})) => UnknownOutcome, Perhaps;
    an_answer_that_is_no_json_halts_the_strategy: order(json!({"kind": "bad_response"})) => UnknownOutcome, Perhaps;
    an_answer_with_an_unknown_status_halts_the_strategy:
        order(json!({"kind": "bad_response", "how": "unknown_status", "field": "status"})) => UnknownOutcome, Trades;
    a_reached_request_limit_halts_the_account: order(json!({"kind": "rate_limited"})) => RateLimited, Halted;
    a_reached_order_limit_halts_the_account: order(json!({"kind": "order_limit"})) => RateLimited, Halted;

    a_private_event_that_is_no_json_halts_the_account:
        venue(json!({"kind": "bad_event", "symbol": "BTCUSDT"})) => ChangedData, Halted;
    a_private_event_with_an_unknown_status_halts_the_account:
        venue(json!({"kind": "bad_event", "symbol": "BTCUSDT", "how": "unknown_status"})) => ChangedData, Halted;
    a_private_event_without_a_field_halts_the_account:
        venue(json!({"kind": "bad_event", "symbol": "BTCUSDT", "how": "missing_field", "field": "z"}))
            => ChangedData, Halted;
    a_clock_that_is_off_halts_the_account:
        venue(json!({"kind": "clock_offset", "offset_ms": 5_000})) => ClockOffset, Halted, punctual;
    a_clock_that_cannot_be_measured_halts_the_account:
        venue(json!({"kind": "server_error", "operation": "time", "count": 0})) => ClockOffset, Halted, punctual;
    a_private_stream_that_is_down_beyond_its_grace_halts_the_account:
        venue(json!({"kind": "user_data_down", "ms": 6_000})) => PrivateStreamDown, Halted;
}

#[actix_rt::test]
async fn an_alert_that_reaches_nobody_halts_everything() {
    let trial = Trial::start(patient).await;
    trial.robot.refuse();
    let injected = trial.now();
    trial.btc.script.misbehave.set(Some(Misbehave::Error));
    trial.halted(&trial.eth, FaultKind::AlertUndelivered).await;
    for trader in trial.traders() {
        let verdict = trial.judge(trader, injected).await;
        println!(
            "undelivered: latch after {:?}, {} orders after it",
            verdict.latch_after, verdict.orders_after
        );
        assert_eq!(verdict.orders_after, 0);
        trial.swept(trader).await;
    }
    assert!(trial.robot.refused() > 0);
    assert_eq!(
        trial
            .running
            .board()
            .standing(&Scope::Global)
            .unwrap()
            .level,
        HaltLevel::Halted
    );
    assert_eq!(trial.stop().await.exit_code(), 6);
}

#[actix_rt::test]
async fn a_ban_halts_the_account() {
    let trial = Trial::start(|settings| settings.stop_within = Duration::from_secs(1)).await;
    let injected = trial.now();
    trial
        .exchange
        .fault(json!({"kind": "banned", "operation": "order.place", "symbol": "BTCUSDT"}))
        .await;
    for trader in trial.traders() {
        trial.halted(trader, FaultKind::Banned).await;
        let verdict = trial.judge(trader, injected).await;
        println!(
            "banned: latch after {:?}, {} orders after it",
            verdict.latch_after, verdict.orders_after
        );
        assert_eq!(verdict.orders_after, 0);
    }
    trial.told_of(FaultKind::Banned).await;
    // Nobody can cancel during a ban, and the report says so.
    assert_eq!(trial.stop().await.exit_code(), 4);
}

#[actix_rt::test]
async fn after_the_stop_no_timer_of_the_engine_raises_anything() {
    let trial = Trial::start(watchful).await;
    let board = trial.running.board().clone();
    assert_eq!(trial.stop().await.exit_code(), 0);
    tokio::time::sleep(Duration::from_secs(3)).await; // Beyond every grace.
    assert_eq!(board.restricted(), []);
}

#[actix_rt::test]
async fn a_strategy_that_cannot_be_told_of_its_halt_halts_everything() {
    let script = Rc::<Script>::default();
    let (exchange, robot) = (Rc::new(Exchange::start().await), Robot::start().await);
    let bare = |_| {
        StrategyAddress::of(
            &Bare {
                is_short_lived: true,
            }
            .start(),
        )
    };
    let running = engine(&exchange, settings())
        .alert(robot.channel())
        .strategy("btc", Quoter::btc(&script))
        .and_then(|builder| {
            builder.strategy_actor("gone", vec![Subscription::Best(symbol("ETHUSDT"))], bare)
        })
        .unwrap()
        .start()
        .await
        .unwrap();
    let ticking = Ticking::start(&exchange);
    running.halt(Scope::Strategy("gone".parse().unwrap()), "drill");
    until("safety has found the mailbox closed", || async {
        let standing = running.board().standing(&Scope::Global);
        standing.is_some_and(|standing| {
            let fault = &standing.incidents[0].fault;
            fault.kind == FaultKind::MailboxClosed && fault.actor == "safety"
        })
    })
    .await;
    until("the other strategy was told", || async {
        !script.halts.borrow().is_empty()
    })
    .await;
    until("a person was told", || async {
        robot.told_of(FaultKind::MailboxClosed)
    })
    .await;
    let placed = exchange.placements().await.len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(exchange.placements().await.len(), placed);
    drop(ticking);
    assert_eq!(running.stop().await.exit_code(), 3);
    assert_eq!(exchange.open_orders().await, Vec::<Value>::new());
}

#[actix_rt::test]
async fn an_operator_halts_one_strategy_or_everything() {
    let trial = Trial::start(patient).await;
    let injected = trial.now();
    trial
        .running
        .halt(Scope::Strategy("btc".parse().unwrap()), "drill");
    assert_eq!(trial.judge(&trial.btc, injected).await.orders_after, 0);
    trial.swept(&trial.btc).await;
    trial.trades(&trial.eth).await;
    trial.running.halt(Scope::Global, "drill");
    assert_eq!(trial.judge(&trial.eth, injected).await.orders_after, 0);
    trial.swept(&trial.eth).await;
    trial.told_of(FaultKind::Manual).await;
    assert_eq!(trial.stop().await.exit_code(), 3);
}

#[actix_rt::test]
async fn a_resume_that_names_what_stands_lets_the_strategy_trade_again_and_no_other_does() {
    let trial = Trial::start(patient).await;
    let scope = Scope::Strategy("btc".parse().unwrap());
    trial.btc.script.misbehave.set(Some(Misbehave::Error));
    trial.halted(&trial.btc, FaultKind::StrategyError).await;
    let seen = trial.running.board().standing(&scope).unwrap();
    let incidents: Vec<_> = seen.incidents.iter().map(|incident| incident.id).collect();
    let right = Resume {
        scope,
        incidents,
        epoch: seen.epoch,
        reason: "looked at it".into(),
        who: "ann".into(),
    };

    let nameless = Resume {
        incidents: Vec::new(),
        ..right.clone()
    };
    assert!(matches!(
        trial.running.resume(nameless).await,
        Err(ResumeRefused::NotNamed { .. })
    ));
    let other_epoch = Resume {
        epoch: seen.epoch + 1,
        ..right.clone()
    };
    assert!(matches!(
        trial.running.resume(other_epoch).await,
        Err(ResumeRefused::OtherEpoch { .. })
    ));
    let silent = Resume {
        reason: " ".into(),
        ..right.clone()
    };
    assert_eq!(
        trial.running.resume(silent).await,
        Err(ResumeRefused::NoReason)
    );
    let elsewhere = Resume {
        scope: Scope::Global,
        ..right.clone()
    };
    assert!(matches!(
        trial.running.resume(elsewhere).await,
        Err(ResumeRefused::NotHalted { .. })
    ));
    assert!(trial.btc.script.resumes.borrow().is_empty());
    assert_eq!(
        trial.judge(&trial.btc, trial.now()).await.orders_after,
        0,
        "refused resumes lift nothing"
    );

    trial.running.resume(right.clone()).await.unwrap();
    trial.trades(&trial.btc).await;
    until("the strategy was told", || async {
        trial.btc.script.resumes.borrow().len() == 1
    })
    .await;
    assert!(matches!(
        trial.running.resume(right).await,
        Err(ResumeRefused::NotHalted { .. })
    ));

    // And the halt works a second time.
    let injected = trial.now();
    trial.btc.script.misbehave.set(Some(Misbehave::Panic));
    trial.halted(&trial.btc, FaultKind::ActorPanic).await;
    assert_eq!(trial.judge(&trial.btc, injected).await.orders_after, 0);
    trial.swept(&trial.btc).await;
    assert_eq!(trial.stop().await.exit_code(), 3);
}
