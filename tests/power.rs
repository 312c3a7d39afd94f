//! `durability = "power"` in the composed program: an order waits until its intent is on the disk, and what
//! the disk refuses is not sent, halts everything and is not tried again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use support::hand::{Hand, buy};
use support::receiver::Robot;
use support::{Exchange, engine, settings, stop, until};
use tripline::Placement;
use tripline::memory::Memory;
use tripline::running::Running;
use tripline_actors::clock::Clock;
use tripline_actors::journal::{Disturbance, Journal, JournalSettings, Step};
use tripline_actors::journaling::Journaling;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, Scope};
use tripline_engine::ids::ClientOrderId;
use tripline_engine::journal::Durability;
use tripline_engine::order::OrderState;
use tripline_engine::strategy::Context;

/// The disk, as the thread that syncs meets it.
#[derive(Default)]
struct Disk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: bool,
    fails: bool,
    waiting: usize,
    syncs: usize,
}

impl Disk {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap())
    }
}

impl Disturbance for Disk {
    fn before(&self, step: Step) -> io::Result<Duration> {
        if step == Step::Sync {
            let mut state = self.state.lock().unwrap();
            state.syncs += 1;
            state.waiting += 1;
            state = self.changed.wait_while(state, |state| state.held).unwrap();
            state.waiting -= 1;
            if state.fails {
                return Err(io::Error::other("the disk is gone"));
            }
        }
        Ok(Duration::ZERO)
    }
}

/// An engine whose journal stands on this disk.
struct World {
    exchange: Exchange,
    robot: Robot,
    disk: Arc<Disk>,
    folder: PathBuf,
    journal: Journal,
    hand: Hand,
    running: Running,
}

impl World {
    async fn new(name: &str) -> Self {
        let (exchange, robot) = (Exchange::start().await, Robot::start().await);
        let name = format!("tripline-power-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let disk = Arc::<Disk>::default();
        let opened = Journal::open(JournalSettings {
            durability: Durability::Power,
            disturbance: Some(disk.clone()),
            ..JournalSettings::new(folder.join("j.db"), Clock::system())
        });
        let opened = opened.unwrap();
        let appender = Arc::new(opened.journal.appender());
        let hand = Hand::default();
        let running = engine(&exchange, settings())
            .placement(Placement::Together)
            // A test that fails says so itself.
            .last_resort(Arc::new(|_| {}))
            .memory(Memory::of(Journaling::to(appender), opened.state))
            .alert(robot.channel())
            .strategy("hand", hand.strategy())
            .unwrap()
            .start()
            .await
            .unwrap();
        hand.is_ready(&exchange).await;
        Self {
            exchange,
            robot,
            disk,
            folder,
            journal: opened.journal,
            hand,
            running,
        }
    }

    /// Places an order whose intent the disk does not take yet, and waits until it is asked to.
    async fn place_on_a_held_disk(&self) -> ClientOrderId {
        self.disk.change(|disk| disk.held = true);
        let id = self.place().await;
        until("the sync is under way", || async {
            self.disk.look(|disk| disk.waiting > 0)
        })
        .await;
        id
    }

    async fn place(&self) -> ClientOrderId {
        let order = buy("59990.00", "0.1");
        self.hand.place(&self.exchange, order).await.unwrap()
    }

    async fn placements(&self) -> usize {
        self.exchange.placements().await.len()
    }

    async fn end(self) {
        stop(self.running, &self.exchange).await;
        self.journal.close().unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

#[actix_rt::test]
async fn an_order_is_sent_only_after_its_intent_is_on_the_disk() {
    let world = World::new("sync").await;
    let id = world.place_on_a_held_disk().await;
    // The arbiter is not held up: the strategy goes on, and the order waits.
    let state = move |ctx: &mut Context<'_>| ctx.order(&id).map(|order| order.state);
    let seen = world.hand.act(&world.exchange, state).await;
    assert_eq!(seen, Some(OrderState::Sent));
    assert_eq!(world.placements().await, 0);
    world.disk.change(|disk| disk.held = false);
    world.hand.reaches(id, OrderState::Working).await;
    assert_eq!(world.placements().await, 1);
    world.end().await;
}

#[actix_rt::test]
async fn an_order_that_the_latch_overtook_while_it_waited_for_the_disk_is_not_sent() {
    let world = World::new("latch").await;
    let id = world.place_on_a_held_disk().await;
    world.running.halt(Scope::Global, "the test says so");
    world.disk.change(|disk| disk.held = false);
    world.hand.reaches(id, OrderState::Denied).await;
    assert_eq!(world.placements().await, 0);
    world.end().await;
}

#[actix_rt::test]
async fn an_order_whose_sync_fails_is_not_sent_and_the_disk_is_not_asked_again() {
    let world = World::new("failing").await;
    world.disk.change(|disk| disk.fails = true);
    let id = world.place().await;
    world.hand.reaches(id, OrderState::Denied).await;
    let syncs = world.disk.look(|disk| disk.syncs);
    world.disk.change(|disk| disk.fails = false);
    until("everything is halted", || async {
        let standing = world.running.board().standing(&Scope::Global);
        standing.is_some_and(|standing| standing.level == HaltLevel::Halted)
    })
    .await;
    until("a person is told", || async {
        world.robot.told_of(FaultKind::JournalFailed)
    })
    .await;
    assert_eq!(world.placements().await, 0);
    world.running.stop().await;
    assert!(world.journal.close().is_err());
    let asked = world.disk.look(|disk| disk.syncs);
    assert_eq!(asked, syncs, "it was tried again");
    std::fs::remove_dir_all(&world.folder).unwrap();
}
