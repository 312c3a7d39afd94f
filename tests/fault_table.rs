//! Every kind of fault in every state: who is halted, what becomes of resting orders, who is told. The expectation is
//! the policy itself; FAULTS.md is made of the same table. Over real sockets, against the practice exchange.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use actix::Actor;
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

/// How things stand when the fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The strategy has no order.
    NoOrder,
    /// Its order is on the way to the venue, and its answer is not here.
    InFlight,
    Working,
    PartiallyFilled,
    /// Nobody knows whether the venue has the order.
    Uncertain,
    /// A cancel is on its way.
    CancelPending,
    /// The scope is reduce-only, and the order rests on.
    ReduceOnly,
    /// The scope is halted, and the order rests on.
    Halted,
}

impl Before {
    const ALL: [Self; 8] = [
        Self::NoOrder,
        Self::InFlight,
        Self::Working,
        Self::PartiallyFilled,
        Self::Uncertain,
        Self::CancelPending,
        Self::ReduceOnly,
        Self::Halted,
    ];

    /// For people, with what becomes of the order when the reaction cancels, and when it keeps.
    const fn row(self) -> [&'static str; 3] {
        match self {
            Self::NoOrder => [
                "no order",
                "nothing is to be cancelled, and the venue is asked",
                "–",
            ],
            Self::InFlight => [
                "an order in flight",
                "cancelled as soon as the venue shows it",
                "rests",
            ],
            Self::Working => ["a resting order", "cancelled", "rests"],
            Self::PartiallyFilled => [
                "an order filled in part",
                "the rest cancelled, the fill stays",
                "the rest rests",
            ],
            Self::Uncertain => [
                "an uncertain order",
                "asked for, and cancelled as soon as the venue shows it",
                "asked for; rests when the venue has it",
            ],
            Self::CancelPending => ["an order being cancelled", "cancelled once", "cancelled"],
            Self::ReduceOnly => [
                "a resting order of a reduce-only scope",
                "cancelled",
                "rests",
            ],
            Self::Halted => ["a resting order of a halted scope", "cancelled", "rests"],
        }
    }

    /// What the scope was before.
    const fn level(self) -> HaltLevel {
        match self {
            Self::ReduceOnly => HaltLevel::ReduceOnly,
            Self::Halted => HaltLevel::Halted,
            _ => HaltLevel::Active,
        }
    }
}

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

    /// Brings the order of the strategy into this state.
    async fn prepare(
        &self,
        before: Before,
        kind: FaultKind,
        scope: Scope,
    ) -> Option<ClientOrderId> {
        let hand = &self.hand;
        match before {
            Before::NoOrder => return None,
            Before::Working => return Some(self.resting(hand).await),
            Before::InFlight => {
                self.slowly("order.place").await;
                let id = self.place(hand).await;
                assert_eq!(hand.kinds(id), ["Submitted"]);
                return Some(id);
            }
            Before::PartiallyFilled => {
                let id = self.place(hand).await;
                hand.reaches(id, OrderState::Working).await;
                let price = format!("{}.00", 59_000 + *self.prices.borrow());
                self.exchange
                    .market(json!({"symbol": "BTCUSDT", "clear": true}))
                    .await;
                self.exchange
                    .trade("BTCUSDT", "SELL", &price, "0.004")
                    .await;
                hand.reaches(id, OrderState::PartiallyFilled).await;
                let thaw = json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"});
                self.exchange.market(thaw).await;
                return Some(id);
            }
            Before::Uncertain => {
                let lost = json!({ "kind": "timeout", "operation": "order.place", "ms": 10, "live": true });
                self.exchange
                    .fault(json!({ "kind": "stale_reads", "ms": 400 }))
                    .await;
                self.exchange.fault(lost).await;
                let unseen = json!({ "kind": "drop_event", "event": "executionReport" });
                self.exchange.fault(unseen).await;
                let id = self.place(hand).await;
                hand.reaches(id, OrderState::Uncertain).await;
                return Some(id);
            }
            Before::CancelPending => {
                let id = self.resting(hand).await;
                self.slowly("order.cancel").await;
                hand.act(&self.exchange, move |ctx| ctx.cancel(id)).await;
                assert_eq!(hand.kinds(id).last(), Some(&"CancelRequested"));
                return Some(id);
            }
            Before::ReduceOnly | Before::Halted => {}
        }
        let id = self.resting(hand).await;
        let mut reaction = Reaction::STRICT;
        reaction.level = before.level();
        reaction.resting_orders = RestingOrders::Keep;
        // Another trouble: of the same one a person is told again after a minute.
        let earlier = match kind {
            FaultKind::Manual => FaultKind::Network,
            _ => FaultKind::Manual,
        };
        self.faults.raise_as(fault(earlier, scope), reaction);
        Some(id)
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
        self.fate(&cell, &self.other, others, is_in("other")).await;
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
}

/// FAULTS.md.
fn document() -> String {
    let mut text = "# What each fault does\n\n\
        Made from the code by `tests/fault_table.rs`, which also holds every row against a running engine in every state \
        below. This is the default; `[halt.FAULT]` in the configuration says otherwise, and `tripline selfassess` shows what \
        holds. The scope is the one that the fault was raised for: a strategy, an instrument, the account, the venue or \
        everything.\n\n\
        | fault | what has happened | what it concerns is then | its resting orders | alert |\n|---|---|---|---|---|\n"
        .to_owned();
    for kind in FaultKind::ALL {
        let Reaction {
            level,
            resting_orders,
            ..
        } = HaltPolicy::default().reaction(*kind);
        let orders = match resting_orders {
            RestingOrders::Cancel => "cancelled and confirmed",
            _ => "stay",
        };
        let alert = match (kind, level) {
            (FaultKind::AlertUndelivered, _) => "none: file and exit code",
            (_, HaltLevel::Active) => "warning",
            _ => "critical",
        };
        let meaning = kind.meaning();
        text += &format!("| `{kind}` | {meaning} | {level} | {orders} | {alert} |\n");
    }
    text += "\n## What becomes of an order\n\n\
        | when the fault comes there is | where orders are cancelled | where they stay |\n|---|---|---|\n";
    for before in Before::ALL {
        text += &format!("| {} |\n", before.row().join(" | "));
    }
    text += "\nThe level of a scope is the strictest of its incidents. A fault of a scope that is halted already is one more incident, \
        which a person has to name to resume.\n";
    text
}

#[test]
fn faults_md_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FAULTS.md");
    if std::env::var_os("TRIPLINE_WRITE_FAULTS").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document(),
        "FAULTS.md is not what the code says: run this test with TRIPLINE_WRITE_FAULTS=1 to write it"
    );
}
