//! What survives an engine: the exchange, who is alerted, and the journal.

use std::sync::Arc;

use tokio::task::LocalSet;
use tripline::Placement;
use tripline::memory::Memory;
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline_actors::journaling::Journaling;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::journal::{JournalState, MemoryJournal};
use tripline_engine::order::OrderState;

use super::hand::{Hand, buy};
use super::receiver::Robot;
use super::{Exchange, engine, settings};

pub struct World {
    pub exchange: Exchange,
    pub robot: Robot,
    pub journal: Arc<MemoryJournal>,
}

impl World {
    pub async fn new() -> Self {
        Self {
            exchange: Exchange::start().await,
            robot: Robot::start().await,
            journal: Arc::default(),
        }
    }

    /// What the journal adds up to.
    pub fn state(&self) -> JournalState {
        let records = self.journal.records();
        JournalState::fold(records.iter().map(|(at, record)| (*at, record)))
    }

    /// An engine that goes on from the journal.
    pub async fn start(&self, hand: &Hand, settings: EngineSettings) -> Running {
        let memory = Memory::of(Journaling::to(self.journal.clone()), self.state());
        engine(&self.exchange, settings)
            .placement(Placement::Together)
            // While its actors are dropped, one finds another gone: that is part of the crash.
            .last_resort(Arc::new(|_| {}))
            .memory(memory)
            .alert(self.robot.channel())
            .strategy("hand", hand.strategy())
            .unwrap()
            .start()
            .await
            .unwrap()
    }

    /// The same, once its strategy is ready.
    pub async fn trading(&self) -> (Running, Hand) {
        let hand = Hand::default();
        let running = self.start(&hand, settings()).await;
        hand.is_ready(&self.exchange).await;
        (running, hand)
    }

    /// Runs an engine until the scenario is over, then ends it as a crash does.
    pub async fn until_the_crash<T>(
        &self,
        scenario: impl AsyncFnOnce(&Self, &Hand, &Running) -> T,
    ) -> T {
        LocalSet::new()
            .run_until(async {
                let (running, hand) = self.trading().await;
                let outcome = scenario(self, &hand, &running).await;
                std::mem::forget(running); // Nothing of it is run, not even its end.
                outcome
            })
            .await
    }

    /// An order that rests at the best bid.
    pub async fn resting(&self, hand: &Hand) -> ClientOrderId {
        let order = buy("60000.01", "0.1");
        let id = hand.place(&self.exchange, order).await.unwrap();
        hand.reaches(id, OrderState::Working).await;
        id
    }
}
