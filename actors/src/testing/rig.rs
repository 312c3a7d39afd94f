//! [`Rig`]: one strategy in its real actor, against a [`MockGateway`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, Addr, Handler, Message};
use tripline_engine::fault::Fault;
use tripline_engine::halt::{Gate, HaltBoard, HaltPolicy, Incident, Membership};
use tripline_engine::ids::{AccountId, RunId, StrategyId, Symbol, VenueId};
use tripline_engine::instrument::{
    Filters, Instrument, LotSize, NotionalRange, PriceFilter, TradingStatus,
};
use tripline_engine::messages::alert::Alert;
use tripline_engine::messages::control::Ready;
use tripline_engine::order::{NewOrder, OrderType, SelfTradePrevention};
use tripline_engine::strategy::{HostSettings, Strategy, StrategyHost};
use tripline_engine::time::Timestamp;

use crate::addresses::{GatewayAddress, StrategyAddress};
use crate::clock::Clock;
use crate::delivery::Sender;
use crate::faults::{Faults, Incidents};
use crate::strategy::{StrategyActor, StrategyWiring};
use crate::testing::{Command, MockGateway, Scripted};

/// BTCUSDT with filters like the real ones.
///
/// # Panics
/// Never: the values are constants.
#[must_use]
pub fn btcusdt() -> Instrument {
    const FIXED: &str = "a constant that parses";
    let filters = Filters {
        price: Some(PriceFilter {
            min: "0.01".parse().expect(FIXED),
            max: "1000000".parse().expect(FIXED),
            tick: "0.01".parse().expect(FIXED),
        }),
        lot_size: Some(LotSize {
            min: "0.00001".parse().expect(FIXED),
            max: "9000".parse().expect(FIXED),
            step: "0.00001".parse().expect(FIXED),
        }),
        notional: Some(NotionalRange {
            min: "5".parse().expect(FIXED),
            apply_min_to_market: true,
            max: Some("9000000".parse().expect(FIXED)),
            apply_max_to_market: false,
        }),
        max_num_orders: Some(200),
        max_num_algo_orders: Some(5),
        ..Filters::default()
    };
    Instrument {
        symbol: Symbol::new("BTCUSDT").expect(FIXED),
        base: "BTC".parse().expect(FIXED),
        quote: "USDT".parse().expect(FIXED),
        status: TradingStatus::Trading,
        base_precision: 8,
        quote_precision: 8,
        order_types: OrderType::ALL.to_vec(),
        default_self_trade_prevention: Some(SelfTradePrevention::ExpireMaker),
        self_trade_prevention: vec![
            SelfTradePrevention::ExpireMaker,
            SelfTradePrevention::ExpireTaker,
        ],
        amend_allowed: true,
        cancel_replace_allowed: true,
        filters,
    }
}

/// Takes the alerts of the strategy.
struct AlertSink(Arc<Mutex<Vec<Alert>>>);

impl Actor for AlertSink {
    type Context = actix::Context<Self>;
}

impl Handler<Alert> for AlertSink {
    type Result = ();
    fn handle(&mut self, alert: Alert, _: &mut actix::Context<Self>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(alert);
    }
}

/// The strategy in its host, named `test` on account `main`.
fn seated(
    strategy: Box<dyn Strategy>,
    instruments: Vec<Instrument>,
    board: HaltBoard,
) -> (StrategyHost, AccountId) {
    const FIXED: &str = "a constant that parses";
    let id = StrategyId::new("test").expect(FIXED);
    let account = AccountId::new("main").expect(FIXED);
    let membership = Membership {
        strategy: id,
        account,
        venue: VenueId::new("binance").expect(FIXED),
        instruments: instruments.iter().map(|known| known.symbol).collect(),
    };
    let gate = Gate::new(board, Arc::new(membership));
    let run = RunId::from_millis(1_795_000_000_000);
    let settings = HostSettings {
        strategy: id,
        account,
        run,
        gate,
    };
    let mut host = StrategyHost::new(strategy, settings);
    for instrument in instruments {
        host.add_instrument(instrument);
    }
    (host, account)
}

/// One strategy under test. Everything runs on the caller's arbiter, so `#[actix_rt::test]` is enough.
pub struct Rig {
    pub strategy: Addr<StrategyActor>,
    pub gateway: Addr<MockGateway>,
    pub board: HaltBoard,
    pub clock: Clock,
    incidents: Incidents,
    told: Arc<Mutex<Vec<Command>>>,
    alerts: Arc<Mutex<Vec<Alert>>>,
}

impl Rig {
    /// Starts the strategy, named `test` on account `main`, and makes it ready. The mock answers as
    /// scripted.
    ///
    /// # Panics
    /// Never: the ids are constants.
    pub async fn start(
        strategy: Box<dyn Strategy>,
        instruments: Vec<Instrument>,
        script: impl IntoIterator<Item = Scripted>,
    ) -> Self {
        let clock = Clock::starting_at(Timestamp::from_millis(1_795_000_000_000));
        let board = HaltBoard::new();
        let (faults, incidents) =
            Faults::channel(board.clone(), HaltPolicy::default(), Arc::new(|_| {}));
        let (host, account) = seated(strategy, instruments, board.clone());

        let alerts = Arc::new(Mutex::new(Vec::new()));
        let alert_sink = AlertSink(alerts.clone()).start();
        let mut mock = MockGateway::new(clock.clone(), script);
        let told = mock.told();
        let scope = tripline_engine::halt::Scope::Account(account);
        let sender = Sender {
            actor: "mock_gateway",
            scope,
            faults: faults.clone(),
            clock: clock.clone(),
        };
        let wiring_clock = clock.clone();
        let mut started = None;
        let gateway = MockGateway::create(|ctx| {
            let addr = actix::AsyncContext::address(ctx);
            let wiring = StrategyWiring {
                gateway: GatewayAddress::of(&addr),
                alerts: alert_sink.recipient(),
                faults,
                clock: wiring_clock,
                live: false,
            };
            let actor = StrategyActor::new(host, wiring).start();
            mock.answer_to(&StrategyAddress::of(&actor), &sender);
            started = Some(actor);
            mock
        });
        let strategy = started.expect("the closure of `create` has run");
        let rig = Self {
            strategy,
            gateway,
            board,
            clock,
            incidents,
            told,
            alerts,
        };
        rig.send(Ready {}).await;
        rig
    }

    /// Gives the strategy a message and waits until it and everything that followed is handled.
    ///
    /// # Panics
    /// When the strategy's actor is gone.
    pub async fn send<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        StrategyActor: Handler<M>,
    {
        self.strategy
            .send(message)
            .await
            .expect("the strategy's actor lives");
        self.settle().await;
    }

    /// Lets every message that is under way arrive.
    pub async fn settle(&self) {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass, so that timers fire. Under Tokio's paused clock this takes no time.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.settle().await;
    }

    /// Everything that the gateway was told so far.
    #[must_use]
    pub fn told(&self) -> Vec<Command> {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The terms of the orders that were placed so far.
    #[must_use]
    pub fn placed(&self) -> Vec<NewOrder> {
        let place = |command| {
            if let Command::Place(command) = command {
                Some(command.terms)
            } else {
                None
            }
        };
        self.told().into_iter().filter_map(place).collect()
    }

    /// Alerts that the strategy asked for.
    #[must_use]
    pub fn alerts(&self) -> Vec<Alert> {
        self.alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The next incident that was raised, if there is one.
    pub fn incident(&mut self) -> Option<Incident> {
        self.incidents.try_recv().ok()
    }

    /// Sets the latch, as a fault of another actor would.
    pub fn trip(&self, fault: Fault) -> Incident {
        self.board.trip(fault, &HaltPolicy::default())
    }
}
