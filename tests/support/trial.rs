//! Two quoters on one account, a robot to alert, a market that ticks: the setting in which faults are
//! injected and their halts judged, at the exchange.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tripline::running::{ExitReport, Running};
use tripline::settings::EngineSettings;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{Incident, Membership};
use tripline_engine::ids::VenueId;
use tripline_engine::time::Timestamp;

use super::quoter::{Quoter, Script, Ticking};
use super::receiver::Robot;
use super::{Exchange, engine, settings, symbol, until};

pub const BTC: &str = "BTCUSDT";
pub const ETH: &str = "ETHUSDT";

/// One quoter as the judge sees it.
pub struct Trader {
    pub name: &'static str,
    pub symbol: &'static str,
    pub script: Rc<Script>,
}

impl Trader {
    fn new(name: &'static str, symbol: &'static str) -> Self {
        Self {
            name,
            symbol,
            script: Rc::default(),
        }
    }

    pub fn membership(&self) -> Membership {
        Membership {
            strategy: self.name.parse().unwrap(),
            account: "practice".parse().unwrap(),
            venue: VenueId::new("binance").unwrap(),
            instruments: vec![symbol(self.symbol)].into(),
        }
    }
}

/// The running setting.
pub struct Trial {
    pub exchange: Rc<Exchange>,
    pub robot: Robot,
    pub running: Running,
    pub btc: Trader,
    pub eth: Trader,
    pub ticking: Cell<Option<Ticking>>,
}

/// What a halt did, as the exchange and the receiver saw it.
#[derive(Debug)]
pub struct Verdict {
    /// From the injection to the latch.
    pub latch_after: Duration,
    /// Placements of the strategy that were handed over after the latch.
    pub orders_after: usize,
}

impl Trial {
    /// Both strategies have traded when this returns.
    pub async fn start(change: impl FnOnce(&mut EngineSettings)) -> Self {
        let exchange = Rc::new(Exchange::start().await);
        let robot = Robot::start().await;
        let (btc, eth) = (Trader::new("btc", BTC), Trader::new("eth", ETH));
        let mut settings = settings();
        change(&mut settings);
        let running = engine(&exchange, settings)
            .alert(robot.channel())
            .strategy("btc", Quoter::btc(&btc.script))
            .and_then(|builder| builder.strategy("eth", Quoter::eth(&eth.script)))
            .unwrap()
            .start()
            .await
            .unwrap();
        let ticking = Cell::new(Some(Ticking::start(&exchange)));
        let trial = Self {
            exchange,
            robot,
            running,
            btc,
            eth,
            ticking,
        };
        trial.all_trade().await;
        trial
    }

    pub fn traders(&self) -> [&Trader; 2] {
        [&self.btc, &self.eth]
    }

    /// Every strategy has an order resting and has replaced its other one some times.
    pub async fn all_trade(&self) {
        for trader in self.traders() {
            self.trades(trader).await;
        }
    }

    /// The strategy places, from now on, some more orders that reach the exchange.
    pub async fn trades(&self, trader: &Trader) {
        let before = self.placements(trader).await.len();
        until(&format!("{} trades", trader.name), || async {
            let resting = self
                .exchange
                .open_orders()
                .await
                .iter()
                .any(|order| order["symbol"] == trader.symbol);
            resting && self.placements(trader).await.len() > before + 3
        })
        .await;
    }

    pub fn now(&self) -> Timestamp {
        self.running.clock().now()
    }

    /// Standing incidents that concern the strategy, first one first.
    pub fn incidents(&self, trader: &Trader) -> Vec<Incident> {
        let membership = trader.membership();
        let concerned = self
            .running
            .board()
            .restricted()
            .into_iter()
            .filter(|(scope, _)| membership.is_in(scope));
        let mut incidents: Vec<_> = concerned
            .flat_map(|(_, standing)| standing.incidents)
            .collect();
        incidents.sort_unstable_by_key(|incident| incident.id);
        incidents
    }

    pub async fn halted(&self, trader: &Trader, kind: FaultKind) {
        until(&format!("{} is halted by {kind}", trader.name), || async {
            self.incidents(trader)
                .iter()
                .any(|incident| incident.fault.kind == kind)
        })
        .await;
    }

    async fn placements(&self, trader: &Trader) -> Vec<Value> {
        let mut all = self.exchange.placements().await;
        all.retain(|arrival| arrival["symbol"] == trader.symbol);
        all
    }

    /// Placements that left this side after the latch: those that arrived after it, but for the ones
    /// that had been handed over before it and were on their way.
    pub async fn orders_after(&self, trader: &Trader, latch: Timestamp) -> usize {
        let desk = self.running.snapshot().await.unwrap().desk;
        let offset = self.running.clock().venue_offset();
        let latch_at_venue = Timestamp::from_nanos(latch.as_nanos() + offset);
        let under_way = |id: &str| {
            desk.orders
                .iter()
                .any(|order| order.id.to_string() == id && order.created <= latch_at_venue)
        };
        let placements = self.placements(trader).await;
        let late = placements
            .iter()
            .filter(|one| one["timeUs"].as_i64().unwrap() > latch.as_micros());
        late.filter(|one| !under_way(one["clientOrderId"].as_str().unwrap()))
            .count()
    }

    /// Judges the halt of a strategy. The market ticks on, long enough for many orders.
    pub async fn judge(&self, trader: &Trader, injected: Timestamp) -> Verdict {
        let latch = self.incidents(trader).first().unwrap().fault.at;
        let script = &trader.script;
        until("the strategy was told of the halt", || async {
            !script.halts.borrow().is_empty()
        })
        .await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        let orders_after = self.orders_after(trader, latch).await;
        Verdict {
            latch_after: latch.saturating_since(injected),
            orders_after,
        }
    }

    /// No order of the strategy is at the exchange, and the engine knows that.
    pub async fn swept(&self, trader: &Trader) {
        until(
            &format!("the sweep of {} is confirmed", trader.name),
            || async {
                let desk = self.running.snapshot().await.unwrap().desk;
                let of_trader = |order: &&tripline_engine::order::Order| {
                    order.terms.symbol == symbol(trader.symbol)
                };
                desk.sweeps == 0
                    && !desk
                        .orders
                        .iter()
                        .filter(of_trader)
                        .any(|order| order.state.may_be_open())
            },
        )
        .await;
        let open = self.exchange.open_orders().await;
        assert!(
            open.iter().all(|order| order["symbol"] != trader.symbol),
            "{} has open orders: {open:?}",
            trader.name
        );
    }

    pub async fn told_of(&self, kind: FaultKind) {
        until(&format!("a person was told of {kind}"), || async {
            self.robot.told_of(kind)
        })
        .await;
        assert_eq!(self.robot.refused(), 0, "signatures are right");
    }

    pub async fn stop(self) -> ExitReport {
        drop(self.ticking.take());
        self.exchange.clear_faults().await;
        self.running.stop().await
    }
}
