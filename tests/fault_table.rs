//! Every kind of fault in every state: who is halted, what becomes of resting orders, who is told. The expectation is
//! the policy itself; FAULTS.md is made of the same table. Over real sockets, against the practice exchange.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "fault_table/before.rs"]
mod before;
#[path = "fault_table/document.rs"]
mod document;
#[path = "fault_table/flattening.rs"]
mod flattening;
#[path = "fault_table/lifting.rs"]
mod lifting;
mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use actix::Actor;
use before::Before;
use futures_util::future::LocalBoxFuture;
use serde_json::json;
use support::bare::Bare;
use support::hand::{Hand, buy};
use support::{Exchange, engine, settings, stop, symbol, until};
use tripline::running::Running;
use tripline_actors::addresses::StrategyAddress;
use tripline_actors::alert::{Channel, ChannelError, Rendered};
use tripline_actors::faults::Faults;
use tripline_engine::fault::{Fault, FaultKind, IncidentId};
use tripline_engine::halt::{HaltLevel, HaltPolicy, Incident, Membership, Reaction, Scope};
use tripline_engine::ids::{ClientOrderId, VenueId};
use tripline_engine::messages::alert::Severity;
use tripline_engine::messages::control::{RestingOrders, Resume};
use tripline_engine::order::OrderState;
use tripline_engine::time::Timestamp;

type Heard = Arc<Mutex<Vec<(Option<IncidentId>, Severity)>>>;

/// Keeps what a person was told, whatever the rate.
struct Told(Heard);

impl Channel for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        _: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        let alerts = message.alerts.iter();
        let told = alerts.map(|alert| (alert.incident, alert.severity));
        self.0.lock().unwrap().extend(told);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Two strategies on one instrument, and the way of a fault.
struct Table {
    exchange: Exchange,
    running: Running,
    policy: HaltPolicy,
    faults: Faults,
    told: Heard,
    hand: Hand,
    other: Hand,
    /// Each order has a price of its own.
    prices: RefCell<u32>,
}

impl Table {
    async fn lay(policy: HaltPolicy) -> Self {
        let exchange = Exchange::start().await;
        let (hand, other) = (Hand::default(), Hand::default());
        let told: Arc<Mutex<Vec<_>>> = Arc::default();
        let (kept, faults) = (told.clone(), Rc::new(RefCell::new(None)));
        let way = faults.clone();
        let mut settings = settings();
        settings.policy = policy.clone();
        let running = engine(&exchange, settings)
            .alert_channel(move || Rc::new(Told(kept)))
            .strategy("hand", hand.strategy())
            .and_then(|builder| builder.strategy("other", other.strategy()))
            .and_then(|builder| {
                builder.strategy_actor("bare", Vec::new(), move |wiring| {
                    *way.borrow_mut() = Some(wiring.faults);
                    StrategyAddress::of(
                        &Bare {
                            is_short_lived: false,
                        }
                        .start(),
                    )
                })
            })
            .unwrap()
            .start()
            .await
            .unwrap();
        hand.is_ready(&exchange).await;
        other.is_ready(&exchange).await;
        let faults = faults.take().unwrap();
        Self {
            exchange,
            running,
            policy,
            faults,
            told,
            hand,
            other,
            prices: RefCell::new(0),
        }
    }

    fn member(&self, strategy: &str) -> Membership {
        Membership {
            strategy: strategy.parse().unwrap(),
            account: "practice".parse().unwrap(),
            venue: VenueId::new("binance").unwrap(),
            instruments: vec![symbol("BTCUSDT")].into(),
        }
    }

    fn level(&self, strategy: &str) -> HaltLevel {
        self.running.board().level(&self.member(strategy))
    }

    async fn place(&self, hand: &Hand) -> ClientOrderId {
        *self.prices.borrow_mut() += 1;
        let price = format!("{}.00", 59_000 + *self.prices.borrow());
        let placed = hand.place(&self.exchange, buy(&price, "0.01")).await;
        placed.unwrap_or_else(|denied| panic!("at {price}: {denied}"))
    }

    async fn resting(&self, hand: &Hand) -> ClientOrderId {
        let id = self.place(hand).await;
        hand.reaches(id, OrderState::Working).await;
        id
    }

    async fn slowly(&self, operation: &str) {
        let fault = json!({ "kind": "late_execution", "operation": operation, "ms": 150 });
        self.exchange.fault(fault).await;
    }

    fn open(&self, hand: &Hand, id: ClientOrderId) -> bool {
        let last = hand.events(id).last().map(|event| event.order.state);
        last.is_some_and(OrderState::may_be_open)
    }

    /// One cell of the table.
    async fn judge(&self, kind: FaultKind, scope: Scope, before: Before) {
        let cell = format!("{kind} of {scope} with {before:?}");
        let others = self.resting(&self.other).await;
        let ours = self.prepare(before, kind, scope).await;
        let flatten = match before {
            Before::Flattening => Some(self.flattening(kind, scope).await),
            _ => None,
        };
        let incident = self.faults.raise(fault(kind, scope));
        let reaction = self.policy.reaction(kind);
        assert_eq!(incident.reaction, reaction, "{cell}");
        for strategy in ["hand", "other"] {
            let is_in = self.member(strategy).is_in(&scope);
            let level = if is_in {
                reaction.level.max(before.level())
            } else {
                HaltLevel::Active
            };
            assert_eq!(self.level(strategy), level, "{cell}: {strategy}");
        }
        let cancels = reaction.resting_orders == RestingOrders::Cancel;
        let is_in = |strategy| cancels && self.member(strategy).is_in(&scope);
        if let Some(id) = ours {
            let ends = is_in("hand") || before == Before::CancelPending;
            self.fate(&cell, &self.hand, id, ends).await;
        }
        let is_flattened = flatten.is_some() && self.member("other").is_in(&scope);
        let ends = is_in("other") || is_flattened;
        self.fate(&cell, &self.other, others, ends).await;
        if let Some(flatten) = flatten {
            self.closed(&cell, flatten).await;
        }
        self.told_of(&cell, kind, &incident).await;
        self.clear(&cell).await;
    }

    /// What becomes of an order: it ends at the exchange, or rests on there.
    async fn fate(&self, cell: &str, hand: &Hand, id: ClientOrderId, ends: bool) {
        let shown = async || {
            let open = self.exchange.open_orders().await;
            open.iter()
                .any(|order| order["clientOrderId"] == id.as_str())
        };
        if ends {
            until(&format!("{cell}: {id} ends"), || async {
                !shown().await && !self.open(hand, id)
            })
            .await;
            let last = hand.events(id).last().map(|event| event.order.state);
            assert_eq!(last, Some(OrderState::Canceled), "{cell}");
        } else {
            until(&format!("{cell}: {id} is known to rest"), || async {
                let state = hand.events(id).last().map(|event| event.order.state);
                matches!(
                    state,
                    Some(OrderState::Working | OrderState::PartiallyFilled)
                )
            })
            .await;
            assert!(shown().await, "{cell}: {id} rests at the exchange");
        }
    }

    async fn told_of(&self, cell: &str, kind: FaultKind, incident: &Incident) {
        let told = || {
            let told = self.told.lock().unwrap().clone();
            let mut told = told.into_iter();
            told.find(|(id, _)| *id == Some(incident.id))
        };
        if kind == FaultKind::AlertUndelivered {
            // To tell that nobody can be told would raise the next one.
            return assert_eq!(told(), None, "{cell}");
        }
        until(&format!("{cell}: a person is told"), || async {
            told().is_some()
        })
        .await;
        let severity = match incident.reaction.level {
            HaltLevel::Active => Severity::Warning,
            HaltLevel::ReduceOnly | HaltLevel::Halted => Severity::Critical,
        };
        assert_eq!(
            told().map(|(_, severity)| severity),
            Some(severity),
            "{cell}"
        );
    }

    /// Cancels what is left, and lifts every halt.
    async fn clear(&self, cell: &str) {
        self.exchange.clear_faults().await;
        until(&format!("{cell}: every halt is lifted"), || async {
            // Books come to life when the market moves.
            let moved = self.running.board().restricted().len() % 5 + 1;
            self.exchange.tick("BTCUSDT", &moved.to_string()).await;
            for (scope, standing) in self.running.board().restricted() {
                let resume = Resume {
                    scope,
                    incidents: standing.incidents.iter().map(|one| one.id).collect(),
                    epoch: standing.epoch,
                    reason: "the next cell".into(),
                    who: "test".into(),
                };
                drop(self.running.resume(resume).await);
            }
            self.running.board().restricted().is_empty()
        })
        .await;
        for hand in [&self.hand, &self.other] {
            hand.act(&self.exchange, |ctx| ctx.cancel_all(None)).await;
        }
        until(&format!("{cell}: nothing is left"), || async {
            self.exchange.open_orders().await.is_empty()
        })
        .await;
    }
}

fn fault(kind: FaultKind, scope: Scope) -> Fault {
    Fault {
        kind,
        scope,
        actor: "table".into(),
        detail: "made".into(),
        at: Timestamp::from_millis(1_795_000_000_000),
    }
}

/// Each kind of fault, in each scope by turns.
fn scope(number: usize) -> Scope {
    match number % 5 {
        0 => Scope::Strategy("hand".parse().unwrap()),
        1 => Scope::Instrument(symbol("BTCUSDT")),
        2 => Scope::Account("practice".parse().unwrap()),
        3 => Scope::Venue(VenueId::new("binance").unwrap()),
        _ => Scope::Global,
    }
}

async fn column(before: Before) {
    let mut policy = HaltPolicy::default();
    if before == Before::Uncertain {
        // That the order is uncertain is a fault of its own; here it is the state before another one.
        policy = policy.with(FaultKind::UnknownOutcome, Reaction::TOLD);
    }
    let table = Table::lay(policy).await;
    let shift = Before::ALL.iter().position(|one| *one == before).unwrap();
    for (number, kind) in FaultKind::ALL.iter().enumerate() {
        table.judge(*kind, scope(number + shift), before).await;
    }
    let Table {
        running, exchange, ..
    } = table;
    stop(running, &exchange).await;
}

macro_rules! columns {
    ($($name:ident: $before:ident),+ $(,)?) => {
        $(#[actix_rt::test]
        async fn $name() {
            column(Before::$before).await;
        })+
    };
}

columns! {
    every_fault_without_an_order: NoOrder,
    every_fault_with_an_order_in_flight: InFlight,
    every_fault_with_a_resting_order: Working,
    every_fault_with_an_order_filled_in_part: PartiallyFilled,
    every_fault_with_an_uncertain_order: Uncertain,
    every_fault_with_an_order_being_cancelled: CancelPending,
    every_fault_while_reduce_only: ReduceOnly,
    every_fault_while_halted: Halted,
    every_fault_while_flattening: Flattening,
}
