//! Limits of the composed engine over the practice exchange: what a strategy is told, what is halted, what a person
//! may change and what a restart keeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use support::hand::{Hand, buy, sell};
use support::{Exchange, engine, settings, until};

use tripline::memory::Memory;
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline::{ControlConfig, StartError, Tripline, binance_on};
use tripline_actors::clock::Clock;
use tripline_actors::control::{Asked, Client, ControlError};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, Scope};
use tripline_engine::ids::ClientOrderId;
use tripline_engine::journal::Durability;
use tripline_engine::messages::order::OrderEventKind;
use tripline_engine::messages::view::BookView;
use tripline_engine::order::OrderState;
use tripline_engine::risk::{DenialReason, RiskLimits};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};

fn limits(given: &[(&str, &str, &str)]) -> RiskLimits {
    let mut limits = RiskLimits::default();
    for (scope, key, value) in given {
        limits
            .set(&scope.parse().unwrap(), key, Some(value))
            .unwrap();
    }
    limits
}

fn with(given: &[(&str, &str, &str)]) -> EngineSettings {
    EngineSettings {
        risk: limits(given),
        ..settings()
    }
}

/// A strategy that a test leads by the hand, on an exchange.
struct Led {
    exchange: Exchange,
    hand: Hand,
    running: Running,
    folder: tempfile::TempDir,
}

impl Led {
    async fn start(settings: EngineSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(Exchange::start().await, folder, settings).await
    }

    async fn start_in(
        exchange: Exchange,
        folder: tempfile::TempDir,
        settings: EngineSettings,
    ) -> Self {
        let hand = Hand::default();
        let (journal, clock) = (folder.path().join("journal"), Clock::system());
        let memory = Memory::open(&journal, Durability::Process, String::new(), &clock).unwrap();
        let control = ControlConfig {
            socket: Some(folder.path().join("door")),
            ..ControlConfig::default()
        };
        let running = engine(&exchange, settings)
            .memory(memory)
            .control(control)
            .strategy("hand", hand.strategy())
            .unwrap()
            .start()
            .await
            .unwrap();
        hand.is_ready(&exchange).await;
        Self {
            exchange,
            hand,
            running,
            folder,
        }
    }

    async fn place(&self, order: tripline_engine::order::NewOrder) -> ClientOrderId {
        self.hand.place(&self.exchange, order).await.unwrap()
    }

    /// The denial of an order that never left.
    async fn denied(&self, order: tripline_engine::order::NewOrder) -> DenialReason {
        let before = self.exchange.placements().await.len();
        let id = self.place(order).await;
        self.hand.reaches(id, OrderState::Denied).await;
        assert_eq!(self.exchange.placements().await.len(), before);
        match self.hand.events(id).pop().unwrap().kind {
            OrderEventKind::Denied { reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    async fn ask(&self, asked: Asked) -> Result<Value, ControlError> {
        Client::new(&self.folder.path().join("door"))
            .ask(asked)
            .await
    }

    async fn set(
        &self,
        key: &str,
        value: &str,
        reason: Option<&str>,
    ) -> Result<Value, ControlError> {
        let order = json!({
            "scope": "strategy:hand", "key": key, "value": value, "who": "ann", "reason": reason,
        });
        self.ask(Asked::Post("/v1/limits", order)).await
    }

    fn scope() -> Scope {
        Scope::Strategy("hand".parse().unwrap())
    }

    async fn is_halted(&self, kind: FaultKind) {
        until(&format!("{kind} halts"), || async {
            let standing = self.running.board().standing(&Self::scope());
            let incidents = standing.into_iter().flat_map(|standing| standing.incidents);
            incidents
                .into_iter()
                .any(|incident| incident.fault.kind == kind)
        })
        .await;
    }

    /// What of a kind the journal tells, after the engine has stopped.
    async fn stop(self) -> (Exchange, tempfile::TempDir, Vec<(String, Value)>) {
        support::stop(self.running, &self.exchange).await;
        let reader = tripline_actors::journal::Reader::open(&self.folder.path().join("journal"));
        let (reader, mut records) = (reader.unwrap(), Vec::new());
        let (first, last) = (
            tripline_engine::journal::Sequence(1),
            reader.last().unwrap(),
        );
        let each = reader.each(first, last, |entry| {
            let payload = serde_json::from_str(&entry.payload).unwrap();
            records.push((entry.kind.clone(), payload));
            Ok::<_, tripline_engine::journal::Damage>(())
        });
        each.unwrap();
        (self.exchange, self.folder, records)
    }
}

#[actix_rt::test]
async fn a_denied_order_never_leaves_and_its_strategy_is_told_code_value_limit_and_scope() {
    let led = Led::start(with(&[("strategy:hand", "max_quantity", "0.01")])).await;
    let reason = led.denied(buy("59000", "0.02")).await;
    assert_eq!(reason.code(), "C03_MAX_QUANTITY");
    assert_eq!(
        reason.to_string(),
        "code=C03_MAX_QUANTITY value=0.02 limit=0.01 scope=strategy:hand"
    );
    let placed = led.place(buy("59000", "0.01")).await;
    led.hand.reaches(placed, OrderState::Working).await;
    let (_, _, records) = led.stop().await;
    let denied = records.iter().find(|(kind, _)| kind == "denied").unwrap();
    assert_eq!(denied.1["code"], "C03_MAX_QUANTITY");
    assert_eq!(denied.1["order"]["terms"]["quantity"], "0.02");
    assert_eq!(denied.1["scope"], "strategy:hand");
}

#[actix_rt::test]
async fn the_limits_of_practice_hold_where_nobody_says_anything() {
    let settings = EngineSettings {
        risk: RiskLimits::practice(),
        ..settings()
    };
    let led = Led::start(settings).await;
    let reason = led.denied(buy("64000", "0.01")).await;
    assert_eq!(reason.code(), "C01_COLLAR_PERCENT", "{reason}");
    let resting = led.place(sell("61000", "0.01")).await;
    led.hand.reaches(resting, OrderState::Working).await;
    let reason = led.denied(buy("61500", "0.01")).await;
    assert_eq!(reason.code(), "C11_SELF_TRADE", "{reason}");
    led.stop().await;
}

#[actix_rt::test]
async fn real_money_is_refused_without_limits() {
    let exchange = Exchange::start().await;
    let start = |risk| {
        let live = EngineSettings {
            live: true,
            risk,
            ..settings()
        };
        let (venue, credentials) = binance_on(exchange.addr());
        let builder = Tripline::builder(live).binance(venue, credentials);
        builder
            .strategy("hand", Hand::default().strategy())
            .unwrap()
            .start()
    };
    match start(RiskLimits::practice()).await.err() {
        Some(error @ StartError::Unlimited(_)) => {
            let told = error.to_string();
            for wanted in [
                "live trading needs limits",
                "max_notional",
                "max_long",
                "day_loss_halt",
            ] {
                assert!(told.contains(wanted), "{wanted}: {told}");
            }
        }
        other => panic!("{other:?}"),
    }
    let enough = limits(&[
        ("global", "max_notional", "1000"),
        ("account", "max_gross_exposure", "5000"),
        ("strategy:hand", "day_loss_halt", "100"),
    ]);
    let running = start(enough).await.unwrap();
    support::stop(running, &exchange).await;
}

#[actix_rt::test]
async fn a_limit_is_tightened_at_once_loosened_only_with_a_reason_and_both_survive_a_restart_as_they_should()
 {
    let configured = with(&[("strategy:hand", "max_quantity", "0.05")]);
    let led = Led::start(configured.clone()).await;
    let placed = led.place(buy("59000", "0.05")).await;
    led.hand.reaches(placed, OrderState::Working).await;
    let set = led.set("max_quantity", "0.01", None).await.unwrap();
    assert_eq!(
        (&set["set"]["old"], &set["set"]["new"]),
        (&"0.05".into(), &"0.01".into())
    );
    assert_eq!(
        led.denied(buy("59000", "0.02")).await.code(),
        "C03_MAX_QUANTITY"
    );

    match led.set("max_quantity", "0.03", None).await {
        Err(ControlError::Refused { status: 409, said }) => {
            assert!(said.contains("needs a reason"), "{said}")
        }
        other => panic!("{other:?}"),
    }
    for (key, value, status) in [("max_quantty", "1", 400), ("max_quantity", "one", 400)] {
        match led.set(key, value, Some("x")).await {
            Err(ControlError::Refused { status: found, .. }) => assert_eq!(found, status),
            other => panic!("{other:?}"),
        }
    }
    let forgotten =
        json!({ "scope": "strategy:hand", "key": "max_quantity", "who": "ann", "reason": "x" });
    match led.ask(Asked::Post("/v1/limits", forgotten)).await {
        Err(ControlError::Refused { status, said }) => {
            assert_eq!(status, 400);
            assert!(said.contains("value"), "{said}");
        }
        other => panic!("without a value nothing is taken away: {other:?}"),
    }
    assert_eq!(
        led.denied(buy("59000", "0.02")).await.code(),
        "C03_MAX_QUANTITY"
    );

    led.set("max_quantity", "0.03", Some("the desk agreed"))
        .await
        .unwrap();
    let placed = led.place(buy("59000", "0.02")).await;
    led.hand.reaches(placed, OrderState::Working).await;
    let shown = led.ask(Asked::Get("/v1/limits")).await.unwrap();
    let row = json!({ "scope": "strategy:hand", "key": "max_quantity", "value": "0.03" });
    assert!(
        shown["limits"].as_array().unwrap().contains(&row),
        "{shown}"
    );
    assert_eq!(shown["usage"]["account"]["open_orders"], 2);

    let (exchange, folder, records) = led.stop().await;
    let changes = records.iter().filter(|(kind, _)| kind == "limit_set");
    let changes: Vec<_> = changes.map(|(_, record)| record).collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(changes[0]["is_looser"], false);
    assert_eq!(changes[1]["reason"], "the desk agreed");
    assert_eq!(changes[1]["who"], "ann");

    let led = Led::start_in(exchange, folder, configured).await;
    assert_eq!(
        led.denied(buy("59000", "0.04")).await.code(),
        "C03_MAX_QUANTITY",
        "stricter than configured"
    );
    led.stop().await;
}

#[actix_rt::test]
async fn repeated_execution_halts_the_strategy_until_a_person_resumes() {
    let led = Led::start(with(&[("global", "repeated_orders", "3")])).await;
    for _ in 0..3 {
        let placed = led.place(buy("59000", "0.01")).await;
        led.hand.reaches(placed, OrderState::Working).await;
    }
    assert_eq!(
        led.denied(buy("59000", "0.01")).await.code(),
        "C07_REPEATED_ORDERS"
    );
    led.is_halted(FaultKind::RepeatedExecution).await;
    until("its orders are cancelled", || async {
        led.exchange.open_orders().await.is_empty()
    })
    .await;
    support::resume(&led.running, &led.exchange, Led::scope()).await;
    let placed = led.place(buy("59000", "0.01")).await;
    led.hand.reaches(placed, OrderState::Working).await;
    led.stop().await;
}

#[actix_rt::test]
async fn a_loss_halts_after_three_looks_and_waits_for_a_person() {
    let led = Led::start(with(&[("strategy:hand", "day_loss_halt", "50")])).await;
    let bought = led.place(buy("60001", "0.1")).await;
    led.hand.reaches(bought, OrderState::Filled).await;
    // 0.1 at 60000 and then at 59000 is a loss of 100.
    let fall = json!({"symbol": "BTCUSDT", "mid": "59000.01", "spread": "0.02", "quantity": "5"});
    led.exchange.market(fall).await;
    let mut bid = 5;
    until("the loss halts", || {
        bid = 5 + (bid + 1) % 4;
        let tick = json!({"symbol": "BTCUSDT", "bids": [["59000.00", bid.to_string()]]});
        async {
            led.exchange.market(tick).await;
            let standing = led.running.board().standing(&Led::scope());
            standing.is_some_and(|standing| standing.level == HaltLevel::Halted)
        }
    })
    .await;
    led.is_halted(FaultKind::LossLimit).await;
    let rise = json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"});
    led.exchange.market(rise).await;
    for quantity in 5..9 {
        let tick = json!({"symbol": "BTCUSDT", "bids": [["60000.00", quantity.to_string()]]});
        led.exchange.market(tick).await;
        actix_rt::time::sleep(Duration::from_millis(1_100)).await;
    }
    let standing = led.running.board().standing(&Led::scope()).unwrap();
    assert_eq!(standing.level, HaltLevel::Halted, "it does not undo itself");
    let (_, _, records) = led.stop().await;
    let tripped = records.iter().find(|(kind, _)| kind == "tripped").unwrap();
    assert_eq!(tripped.1["code"], "C12_DAY_LOSS");
    assert!(records.iter().any(|(kind, _)| kind == "loss_marked"));
}

#[actix_rt::test]
async fn a_disk_that_is_nearly_full_halts_everything() {
    let led = Led::start(with(&[])).await;
    let order = json!({
        "scope": "account", "key": "min_free_disk_mb", "value": "1000000000000", "who": "ann",
    });
    led.ask(Asked::Post("/v1/limits", order)).await.unwrap();
    until("everything is halted", || async {
        let standing = led.running.board().standing(&Scope::Global);
        let incidents = standing.into_iter().flat_map(|standing| standing.incidents);
        incidents
            .into_iter()
            .any(|incident| incident.fault.kind == FaultKind::DiskLow)
    })
    .await;
    led.stop().await;
}

#[actix_rt::test]
async fn a_market_without_a_seller_gives_no_reference_and_takes_no_order() {
    let led = Led::start(with(&[])).await;
    let placed = led.place(buy("59000", "0.01")).await;
    led.hand.reaches(placed, OrderState::Working).await;
    let seller = |quantity: &str| json!({"symbol": "BTCUSDT", "asks": [["60000.02", quantity]]});
    led.exchange.market(seller("0")).await;
    until("nothing is placed", || async {
        let id = led.place(buy("59000", "0.01")).await;
        led.hand.events(id).iter().any(|event| {
            let denied = OrderEventKind::Denied {
                reason: DenialReason::StaleData,
            };
            event.kind == denied
        })
    })
    .await;
    led.exchange.market(seller("5")).await;
    until("orders are placed again", || async {
        let id = led.place(buy("59000", "0.01")).await;
        let kinds = led.hand.kinds(id);
        !kinds.contains(&"Denied")
    })
    .await;
    led.stop().await;
}

/// Follows a book, so that one is kept, and tells when it lives.
struct Reader(Rc<Cell<bool>>);

impl Strategy for Reader {
    fn subscriptions(&self) -> Vec<Subscription> {
        let symbol = support::symbol("BTCUSDT");
        vec![Subscription::Book { symbol, levels: 5 }]
    }

    fn on_book(&mut self, _: &mut Context<'_>, _: &BookView) -> StrategyResult {
        self.0.set(true);
        Ok(())
    }
}

#[actix_rt::test]
async fn a_book_with_a_gap_takes_no_order_until_it_is_whole_again() {
    let exchange = Exchange::start().await;
    let (hand, lives) = (Hand::default(), Rc::new(Cell::new(false)));
    let running = engine(&exchange, settings())
        .strategy("hand", hand.strategy())
        .and_then(|builder| builder.strategy("reader", Reader(lives.clone())))
        .unwrap()
        .start()
        .await
        .unwrap();
    hand.is_ready(&exchange).await;
    until("the book lives", || async {
        hand.act(&exchange, |_| ()).await;
        lives.get()
    })
    .await;
    let state = |id: ClientOrderId| {
        let last = hand.events(id).pop();
        last.map(|event| event.kind)
    };
    let slow = json!({"kind": "delay_response", "operation": "depth", "ms": 2_000});
    exchange.fault(slow).await;
    let gap = json!({"kind": "drop_message", "stream": "btcusdt@depth"});
    exchange.fault(gap).await;
    until("nothing is placed", || async {
        let id = hand.place(&exchange, buy("59000", "0.01")).await.unwrap();
        until("it is told", || async { state(id).is_some() }).await;
        state(id)
            == Some(OrderEventKind::Denied {
                reason: DenialReason::StaleData,
            })
    })
    .await;
    until("orders are placed again", || async {
        let id = hand.place(&exchange, buy("59000", "0.01")).await.unwrap();
        until("it is told", || async { state(id).is_some() }).await;
        !matches!(state(id), Some(OrderEventKind::Denied { .. }))
    })
    .await;
    assert_eq!(running.board().restricted(), []);
    support::stop(running, &exchange).await;
}
