//! Ten thousand incidents in a minute on the way of a fault: from threads and actors through the latch and the safety
//! actor to the alert actor, whose provider punishes one request too many. Virtual time.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, MessageResult};
use tripline_engine::fault::Fault;
use tripline_engine::halt::{HaltBoard, HaltPolicy};
use tripline_engine::ids::{RunId, VenueId};
use tripline_engine::journal::{AlertStep, JournalRecord, MemoryJournal};
use tripline_engine::messages::control::ForeignOrders;
use tripline_engine::messages::order::OrderReport;
use tripline_engine::ports::{Answer, CancelPort, OrderRef, VenueError};
use tripline_engine::time::Timestamp;

use super::*;
use crate::alert::testing::{Sent, Strict};
use crate::alert::{AlertActor, ChannelStats, Flush, MINUTE, OnUndelivered, Rate, Route, Window};
use crate::gateway::{DeskSnapshot, NotReconciled};

const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const INCIDENTS: u64 = 10_000;
/// So many at once, from three threads and an actor.
const BURST: u64 = 100;

/// What is raised for a number: of a hundred, one that halts a scope of its own, ten that halt the same one again
/// and again, twenty warnings of five troubles, and the rest warnings each of an instrument of its own.
fn fault(number: u64) -> Fault {
    let strategy = |name: String| Scope::Strategy(name.parse().unwrap());
    let (kind, scope) = match number % 100 {
        0 => (
            FaultKind::StrategyError,
            strategy(format!("c{}", number / 100 % 50)),
        ),
        1..=10 => (FaultKind::StrategyError, strategy("hot".into())),
        11..=30 => (FaultKind::OrderAge, strategy(format!("w{}", number % 5))),
        _ => {
            let symbol = format!("S{number}").parse().unwrap();
            (FaultKind::VenueStatus, Scope::Instrument(symbol))
        }
    };
    Fault {
        kind,
        scope,
        actor: "flood".into(),
        detail: format!("incident {number};"),
        at: START,
    }
}

/// Raises, and looks at the latch before anything else can happen.
fn raise(faults: &Faults, number: u64) {
    let incident = faults.raise(fault(number));
    let standing = faults.board().standing(&incident.fault.scope).unwrap();
    assert!(standing.level >= incident.reaction.level, "{number}");
}

#[derive(Message)]
#[rtype(result = "()")]
struct Raise(Vec<u64>);

/// An actor with faults.
struct Raiser(Faults);

impl Actor for Raiser {
    type Context = Context<Self>;
}

impl Handler<Raise> for Raiser {
    type Result = ();
    fn handle(&mut self, Raise(numbers): Raise, _: &mut Context<Self>) {
        numbers
            .into_iter()
            .for_each(|number| raise(&self.0, number));
    }
}

/// Stands for the gateway: has no order, and confirms each sweep.
struct Desk {
    safety: Rc<OnceCell<Addr<Safety>>>,
    sender: Sender,
}

impl Actor for Desk {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<HaltOrdered> for Desk {
    type Result = ();
    fn handle(&mut self, HaltOrdered(incident): HaltOrdered, _: &mut Context<Self>) {
        let outlet = self.sender.outlet_to("safety", self.safety.get().unwrap());
        outlet.send(SweepConfirmed {
            scope: incident.fault.scope,
            through: incident.id,
        });
    }
}

impl Handler<ReadDesk> for Desk {
    type Result = DeskSnapshot;
    fn handle(&mut self, _: ReadDesk, _: &mut Context<Self>) -> DeskSnapshot {
        DeskSnapshot::default()
    }
}

impl Handler<Reconcile> for Desk {
    type Result = MessageResult<Reconcile>;
    fn handle(&mut self, _: Reconcile, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Err(NotReconciled::PrivateStreamDown))
    }
}

/// The safety actor's own way, which is for a gateway that does not sweep.
struct Unneeded;

impl CancelPort for Unneeded {
    fn open_orders(&self) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        panic!("every sweep was confirmed in time")
    }

    fn cancel(&self, _: OrderRef) -> Answer<Result<OrderReport, VenueError>> {
        panic!("nothing is open")
    }

    fn cancel_all(
        &self,
        _: tripline_engine::ids::Symbol,
    ) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        panic!("nothing is open")
    }

    fn settle_time(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// What is on the way of a fault.
struct Way {
    faults: Faults,
    safety: Addr<Safety>,
    alerts: Addr<AlertActor>,
    journal: Arc<MemoryJournal>,
    sent: Sent,
    punished: Rc<Cell<usize>>,
}

impl Way {
    fn new() -> Self {
        let clock = Clock::starting_at(START);
        let last_resort: crate::faults::LastResort = Arc::new(|incident| panic!("{incident:?}"));
        let (faults, incidents) =
            Faults::channel(HaltBoard::new(), HaltPolicy::default(), last_resort);
        let journal = Arc::new(MemoryJournal::default());
        let faults = faults.journaled(Journaling::to(journal.clone()));
        // The rule of a chat's robot: more than 20 in a minute, and it is mute for ten.
        let strict = Strict::new(&[(20, 60)], Rate::of(&[Window::new(18, MINUTE)]), true);
        let (sent, punished) = (strict.sent.clone(), strict.punished.clone());
        let on_undelivered: OnUndelivered = Rc::new(|alert, why| panic!("{}: {why}", alert.title));
        let channels = vec![(Rc::new(strict) as _, Route::default())];
        let settings = crate::alert::Settings::default();
        let alerts = AlertActor::new(channels, clock.clone(), settings, on_undelivered)
            .journaled(RunId::from_millis(1), Journaling::to(journal.clone()))
            .start();
        let to_safety = Rc::new(OnceCell::new());
        let sender = Sender {
            actor: "desk",
            scope: Scope::Global,
            faults: faults.clone(),
            clock: clock.clone(),
        };
        let desk = Desk {
            safety: to_safety.clone(),
            sender,
        }
        .start();
        let settings = SafetySettings {
            faults: faults.clone(),
            incidents,
            clock,
            gateway: desk.clone().recipient(),
            reconcile: desk.clone().recipient(),
            desk: desk.recipient(),
            alerts: alerts.clone().recipient(),
            wards: Vec::new(),
            journal: Journaling::none(),
            earlier: Vec::new(),
            live: false,
            halt_file: None,
            ours: Ours {
                account: "main".parse().unwrap(),
                venue: VenueId::new("binance").unwrap(),
                foreign_orders: ForeignOrders::default(),
            },
            parts: PartsCell::default(),
        };
        let safety = Safety::new(settings, Rc::new(Unneeded)).start();
        assert!(to_safety.set(safety.clone()).is_ok());
        Self {
            faults,
            safety,
            alerts,
            journal,
            sent,
            punished,
        }
    }

    /// Raises everything within a minute. After each burst the safety actor must have taken all of it.
    async fn flood(&self) {
        let raiser = Raiser(self.faults.clone()).start();
        let mut raised = 0;
        while raised < INCIDENTS {
            let mine =
                |part: u64| (raised..raised + BURST).filter(move |number| number % 4 == part);
            std::thread::scope(|threads| {
                for part in 1..4 {
                    let faults = self.faults.clone();
                    threads.spawn(move || mine(part).for_each(|number| raise(&faults, number)));
                }
            });
            raiser.send(Raise(mine(0).collect())).await.unwrap();
            raised += BURST;
            tokio::time::sleep(Duration::from_millis(600)).await;
            let stats = self.safety.send(ReadSafety).await.unwrap();
            assert_eq!(stats.incidents, raised, "it has fallen behind");
        }
    }

    /// What was to be told, as it was written down.
    fn queued(&self) -> Vec<Alert> {
        let records = self.journal.records().into_iter();
        let queued = records.filter_map(|(_, record)| match record {
            JournalRecord::Alerted(alerted) => match alerted.step {
                AlertStep::Queued(alert) => Some(alert),
                _ => None,
            },
            _ => None,
        });
        queued.collect()
    }

    fn told(&self) -> Vec<Alert> {
        let sent = self.sent.borrow();
        let messages = sent.iter().flat_map(|(_, message)| &message.alerts);
        messages.map(|alert| Alert::clone(alert)).collect()
    }
}

type Hit = (FaultKind, Scope);

/// Of each trouble, how many incidents the alerts say there were.
fn counts(alerts: &[Alert]) -> BTreeMap<Hit, u64> {
    let mut counts = BTreeMap::new();
    for alert in alerts {
        let hit = (alert.kind.unwrap(), alert.scope.unwrap());
        let count: &mut u64 = counts.entry(hit).or_default();
        *count = alert.facts.count.max(*count);
    }
    counts
}

fn raised() -> BTreeMap<Hit, u64> {
    let mut counts = BTreeMap::new();
    for fault in (0..INCIDENTS).map(fault) {
        *counts.entry((fault.kind, fault.scope)).or_default() += 1;
    }
    counts
}

#[actix_rt::test]
async fn ten_thousand_incidents_in_a_minute_keep_the_rate_lose_nothing_and_add_up() {
    tokio::time::pause();
    let way = Way::new();
    way.flood().await;
    let board = way.faults.board();
    assert_eq!(board.standing(&Scope::Global), None, "no mailbox was full");
    // Repeats are told with their number after one, five, fifteen and sixty minutes.
    tokio::time::sleep(Duration::from_secs(3 * 3_600)).await;
    let stats: ChannelStats = way.alerts.send(Flush).await.unwrap().remove(0);
    assert_eq!(way.punished.get(), 0, "the provider's limit was kept");
    assert_eq!((stats.failed, stats.pending), (0, 0), "{stats:?}");

    let (raised, queued, told) = (raised(), way.queued(), way.told());
    assert_eq!(raised.values().sum::<u64>(), INCIDENTS);
    assert_eq!(
        counts(&queued),
        raised,
        "every incident has come to the alert actor"
    );
    assert_eq!(
        stats.delivered + stats.withheld,
        queued.len() as u64,
        "and is delivered or held back: {stats:?}"
    );
    assert_eq!(stats.delivered, told.len() as u64);
    let said: u64 = way
        .sent
        .borrow()
        .iter()
        .map(|(_, message)| message.withheld)
        .sum();
    assert_eq!(said, stats.withheld, "what was held back was said");
    let counted = counts(&told);
    for (hit, count) in raised
        .iter()
        .filter(|((kind, _), count)| *kind == FaultKind::StrategyError || **count > 1)
    {
        assert_eq!(counted.get(hit), Some(count), "{hit:?}");
    }
    let critical = |alerts: &[Alert]| {
        let critical = alerts
            .iter()
            .filter(|alert| alert.severity == Severity::Critical);
        critical.count()
    };
    assert_eq!(
        critical(&told),
        critical(&queued),
        "no critical one was held back"
    );

    let kept = raised
        .keys()
        .map(|(_, scope)| board.standing(scope).unwrap());
    let kept: usize = kept.map(|standing| standing.incidents.len()).sum();
    let hot = board.standing(&fault(1).scope).unwrap();
    assert_eq!(
        (hot.epoch, hot.incidents.len()),
        (1_000, 256),
        "a scope keeps so many"
    );
    assert_eq!(kept, 256 + 100 + 5 + 6_900, "one of what only tells");
}
