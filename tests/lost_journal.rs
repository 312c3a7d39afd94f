//! The journal is lost, and an engine starts with a fresh one: what earlier runs have left at the venue is found by
//! its client order ids. Over real sockets, against the practice exchange.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use support::hand::{Hand, buy};
use support::receiver::Robot;
use support::{Exchange, engine, settings, stop, until};
use tokio::task::LocalSet;
use tripline::Placement;
use tripline::memory::Memory;
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline_actors::journaling::Journaling;
use tripline_engine::halt::Scope;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::journal::{JournalRecord, JournalState, MemoryJournal};
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::order::OrderState;

struct World {
    exchange: Exchange,
    robot: Robot,
}

/// What the lost run has left.
struct Left {
    filled: ClientOrderId,
    resting: ClientOrderId,
}

impl World {
    async fn new() -> Self {
        Self {
            exchange: Exchange::start().await,
            robot: Robot::start().await,
        }
    }

    /// An engine whose journal is a fresh one, with one strategy of this name.
    async fn start(
        &self,
        name: &str,
        hand: &Hand,
        settings: EngineSettings,
    ) -> (Running, Arc<MemoryJournal>) {
        let journal = Arc::new(MemoryJournal::new());
        let memory = Memory::of(Journaling::to(journal.clone()), JournalState::default());
        let running = engine(&self.exchange, settings)
            .placement(Placement::Together)
            // While its actors are dropped, one finds another gone: that is part of the crash.
            .last_resort(Arc::new(|_| {}))
            .memory(memory)
            .alert(self.robot.channel())
            .strategy(name, hand.strategy())
            .unwrap()
            .start()
            .await
            .unwrap();
        (running, journal)
    }

    /// A run of the strategy `hand` that ends as a crash does, and takes its journal with it.
    async fn lose_a_run(&self) -> Left {
        let (local, hand) = (LocalSet::new(), Hand::default());
        local
            .run_until(async {
                let (running, _) = self.start("hand", &hand, settings()).await;
                hand.is_ready(&self.exchange).await;
                let filled = hand
                    .place(&self.exchange, buy("60000.02", "0.2"))
                    .await
                    .unwrap();
                hand.reaches(filled, OrderState::Filled).await;
                let resting = hand
                    .place(&self.exchange, buy("59000.00", "0.1"))
                    .await
                    .unwrap();
                hand.reaches(resting, OrderState::Working).await;
                std::mem::forget(running); // Nothing of it is run, not even its end.
                Left { filled, resting }
            })
            .await
    }

    async fn told(&self, part: &str) {
        until(&format!("a person is told of {part}"), || async {
            let texts = self.robot.texts().into_iter();
            // Markdown escapes the underscore.
            texts
                .map(|text| text.replace('\\', ""))
                .any(|text| text.contains(part))
        })
        .await;
    }
}

#[actix_rt::test]
async fn an_open_order_is_handed_to_its_strategy_and_a_filled_one_is_told() {
    let world = World::new().await;
    let left = world.lose_a_run().await;
    let hand = Hand::default();
    let (running, journal) = world.start("hand", &hand, settings()).await;
    hand.is_ready(&world.exchange).await;
    assert_eq!(hand.kinds(left.resting), ["Accepted"]);
    let desk = running.snapshot().await.unwrap().desk;
    assert_eq!(desk.orders.len(), 1, "{:?}", desk.orders);
    world.told("1 ended orders of earlier runs had fills").await;
    world.told("BTCUSDT: 1 orders bought 0.2 and sold 0").await;
    let found = journal
        .records()
        .into_iter()
        .find_map(|(_, record)| match record {
            JournalRecord::Found(found) => Some(found.report.id),
            _ => None,
        });
    assert_eq!(found, Some(left.filled));
    // A new order bears a name that no earlier one bore.
    let next = hand
        .place(&world.exchange, buy("59000.00", "0.1"))
        .await
        .unwrap();
    hand.reaches(next, OrderState::Working).await;
    assert!(next.origin().unwrap().run > left.resting.origin().unwrap().run);
    assert!(running.board().restricted().is_empty());
    stop(running, &world.exchange).await;
    assert_eq!(world.exchange.placements().await.len(), 3, "none twice");
}

#[actix_rt::test]
async fn what_is_open_is_cancelled_before_any_strategy_begins_if_so_configured() {
    let world = World::new().await;
    let left = world.lose_a_run().await;
    let hand = Hand::default();
    let settings = EngineSettings {
        earlier_orders: RestingOrders::Cancel,
        ..settings()
    };
    // Its strategy is not there any more.
    let (running, _) = world.start("other", &hand, settings).await;
    hand.is_ready(&world.exchange).await;
    assert_eq!(world.exchange.open_orders().await.len(), 0);
    world.told(left.resting.as_str()).await;
    assert!(running.board().restricted().is_empty());
    stop(running, &world.exchange).await;
}

#[actix_rt::test]
async fn what_is_kept_without_its_strategy_is_known_and_swept_with_the_account() {
    let world = World::new().await;
    let left = world.lose_a_run().await;
    let hand = Hand::default();
    let (running, _) = world.start("other", &hand, settings()).await;
    hand.is_ready(&world.exchange).await;
    let desk = running.snapshot().await.unwrap().desk;
    let ids: Vec<_> = desk.orders.iter().map(|order| order.id).collect();
    assert_eq!(ids, [left.resting]);
    running.halt(
        Scope::Account("practice".parse().unwrap()),
        "the test says so",
    );
    until("it is gone", || async {
        world.exchange.open_orders().await.is_empty()
    })
    .await;
    drop(running.stop().await);
}
