//! Orders that a person places by hand on the account of a running engine, under each policy. Over real sockets,
//! against the practice exchange.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::hand::{Hand, buy};
use support::person::Person;
use support::receiver::Robot;
use support::{Exchange, engine, settings, until};
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::Scope;
use tripline_engine::messages::control::ForeignOrders;
use tripline_engine::order::OrderState;

struct World {
    exchange: Exchange,
    robot: Robot,
    person: Person,
    hand: Hand,
    running: Running,
}

impl World {
    /// An engine that trades, on an account on which an order of a person's stands already.
    async fn with(foreign_orders: ForeignOrders) -> Self {
        let (exchange, robot) = (Exchange::start().await, Robot::start().await);
        let person = Person::at(&exchange).await;
        person.place("web_1", buy("59000.00", "0.1")).await;
        let settings = EngineSettings {
            foreign_orders,
            reconcile_every: std::time::Duration::from_millis(300),
            ..settings()
        };
        let hand = Hand::default();
        let running = engine(&exchange, settings)
            .alert(robot.channel())
            .strategy("hand", hand.strategy())
            .unwrap()
            .start()
            .await
            .unwrap();
        Self {
            exchange,
            robot,
            person,
            hand,
            running,
        }
    }

    async fn rests(&self) {
        let id = self
            .hand
            .place(&self.exchange, buy("59500.00", "0.1"))
            .await;
        self.hand.reaches(id.unwrap(), OrderState::Working).await;
    }

    /// The client order ids that are open at the exchange.
    async fn open(&self) -> Vec<String> {
        let open = self.exchange.open_orders().await;
        let id = |order: &serde_json::Value| order["clientOrderId"].as_str().unwrap().to_owned();
        open.iter().map(id).collect()
    }

    fn told(&self, id: &str) -> usize {
        // Markdown escapes the underscore.
        let texts = self.robot.texts().into_iter();
        let told = texts.filter(|text| text.replace('\\', "").contains(id));
        told.count()
    }

    async fn known(&self) -> Vec<String> {
        let desk = self.running.snapshot().await.unwrap().desk;
        desk.foreign
            .iter()
            .map(|order| order.id.to_string())
            .collect()
    }

    async fn swept(&self) {
        until("the sweep has ended", || async {
            self.running.snapshot().await.unwrap().desk.sweeps == 0
        })
        .await;
    }
}

#[actix_rt::test]
async fn ignored_orders_are_told_once_and_outlive_every_halt() {
    let world = World::with(ForeignOrders::Ignore).await;
    world.hand.is_ready(&world.exchange).await;
    world.rests().await;
    assert_eq!(world.known().await, ["web_1"]);
    world.person.place("web_2", buy("59100.00", "0.1")).await;
    until("both are told", || async {
        world.told("web_1") == 1 && world.told("web_2") == 1
    })
    .await;
    world.running.halt(Scope::Global, "the test says so");
    until("our order is gone", || async {
        world.open().await == ["web_1", "web_2"]
    })
    .await;
    world.swept().await;
    for _ in 0..3 {
        drop(world.running.reconcile().await);
    }
    assert_eq!((world.told("web_1"), world.told("web_2")), (1, 1));
    let report = world.running.stop().await;
    assert!(report.stop.swept);
    assert_eq!(world.exchange.open_orders().await.len(), 2);
}

#[actix_rt::test]
async fn adopted_orders_are_cancelled_by_a_halt_and_no_strategy_hears_of_them() {
    let world = World::with(ForeignOrders::Adopt).await;
    world.hand.is_ready(&world.exchange).await;
    world.rests().await;
    let strategy = Scope::Strategy("hand".parse().unwrap());
    assert_eq!(world.known().await, ["web_1"]);
    world.running.halt(strategy, "this one is not in its scope");
    until("our order is gone", || async {
        world.open().await == ["web_1"]
    })
    .await;
    world.swept().await;
    world
        .running
        .halt(Scope::Account("practice".parse().unwrap()), "this one is");
    until("nothing is open", || async {
        world.open().await.is_empty()
    })
    .await;
    world.swept().await;
    assert_eq!(world.known().await, [""; 0]);
    world.person.place("web_2", buy("59100.00", "0.1")).await;
    until("the engine knows it", || async {
        world.known().await == ["web_2"]
    })
    .await;
    world
        .running
        .halt(Scope::Venue("binance".parse().unwrap()), "a later one");
    until("it is gone as well", || async {
        world.open().await.is_empty()
    })
    .await;
    assert_eq!(world.hand.all_fills(), 0);
    let report = world.running.stop().await;
    assert!(report.stop.swept);
}

#[actix_rt::test]
async fn a_refused_order_halts_the_account() {
    let world = World::with(ForeignOrders::Refuse).await;
    let account = Scope::Account("practice".parse().unwrap());
    until("the account is halted", || async {
        world.running.board().standing(&account).is_some()
    })
    .await;
    let standing = world.running.board().standing(&account).unwrap();
    assert_eq!(standing.incidents[0].fault.kind, FaultKind::ForeignOrder);
    let detail = &standing.incidents[0].fault.detail;
    assert!(
        detail.contains("order web_1 on BTCUSDT (BUY 0.1"),
        "{detail}"
    );
    until("a person is told", || async {
        world.robot.told_of(FaultKind::ForeignOrder)
    })
    .await;
    assert_eq!(world.open().await, ["web_1"], "it is not ours to cancel");
    for _ in 0..3 {
        drop(world.running.reconcile().await);
    }
    let standing = world.running.board().standing(&account).unwrap();
    assert_eq!(standing.incidents.len(), 1);
    drop(world.running.stop().await);
}
