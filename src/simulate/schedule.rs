//! What a seed decides: the network, the strategies' pace, how long is traded, and what goes wrong when.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tripline_actors::venue::binance::settings::OrderTransport;
use tripline_exchange::faults::{Damage, FaultSpec, Kind, Transport};

use super::network::Door;
use super::pipe::Side;

/// Everything that is drawn before a run begins.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    /// One way, between engine and exchange.
    pub(super) latency: Duration,
    pub(super) transport: OrderTransport,
    /// Between two acts of the hand.
    pub(super) pace: Duration,
    /// How long is traded before everything is healed and settles.
    pub(super) trading: Duration,
    /// In the order of their times.
    pub(super) steps: Vec<Step>,
}

/// Something that goes wrong.
#[derive(Debug)]
pub(super) struct Step {
    /// Since the begin.
    pub(super) at: Duration,
    pub(super) what: Trouble,
}

/// What goes wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// At the exchange, by its own faults; a standing one is taken away after `lasts`.
    Exchange { fault: FaultSpec, lasts: Duration },
    /// User-data events are lost together with their connection, which is cut after `cut`.
    EventsLost { fault: FaultSpec, cut: Duration },
    /// All connections to a door are cut; what is on its way arrives or is lost with them.
    Cut { door: Door, lost: bool },
    /// All connections to a door are cut when `side` has written so many further bytes.
    CutInWriting {
        door: Door,
        side: Side,
        bytes: usize,
    },
    /// The connections to a door stay open and deliver nothing that these sides write.
    Stall {
        door: Door,
        sides: &'static [Side],
        lasts: Duration,
    },
    /// New connections are refused.
    Refuse { lasts: Duration },
    /// The exchange restarts: every connection is cut, its state is kept.
    ExchangeRestart { lasts: Duration },
    /// The engine's process ends, and is started again `down` later.
    Crash { down: Duration },
    /// The same at the moment when the `nth` order from now on is written.
    CrashAtOrder { nth: u32, down: Duration },
    /// The next market data that reaches a strategy makes it panic.
    StrategyPanic,
    /// A person halts everything.
    ManualHalt,
}

impl Trouble {
    /// The word under which it is counted.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Exchange { fault, .. } => fault.kind.name(),
            Self::EventsLost { .. } => "events_lost_with_connection",
            Self::Cut { lost: false, .. } => "cut",
            Self::Cut { lost: true, .. } => "cut_with_loss",
            Self::CutInWriting { .. } => "cut_in_writing",
            Self::Stall { .. } => "stall",
            Self::Refuse { .. } => "refuse",
            Self::ExchangeRestart { .. } => "exchange_restart",
            Self::Crash { .. } => "crash",
            Self::CrashAtOrder { .. } => "crash_at_order",
            Self::StrategyPanic => "strategy_panic",
            Self::ManualHalt => "manual_halt",
        }
    }
}

impl Schedule {
    pub(super) fn draw(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let latency = match random.random_range(0..4) {
            0 => 0,
            1 => random.random_range(1..5),
            2 => random.random_range(5..40),
            _ => random.random_range(40..150),
        };
        let transport = if random.random_range(0..3) == 0 {
            OrderTransport::Rest
        } else {
            OrderTransport::WsApi
        };
        let trading = millis(&mut random, 30_000, 120_000);
        let count = match random.random_range(0..10) {
            0 => 0,
            1..=6 => random.random_range(1..6),
            _ => random.random_range(6..16),
        };
        let mut steps: Vec<_> = (0..count)
            .map(|_| Step {
                at: millis(&mut random, 0, trading.as_millis() as u64),
                what: trouble(&mut random),
            })
            .collect();
        steps.sort_by_key(|step| step.at);
        Self {
            seed,
            latency: Duration::from_millis(latency),
            transport,
            pace: millis(&mut random, 200, 1_500),
            trading,
            steps,
        }
    }
}

fn millis(random: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.random_range(from..to))
}

fn one_of<T: Clone>(random: &mut StdRng, choices: &[T]) -> T {
    choices
        .choose(random)
        .cloned()
        .expect("there is something to choose from")
}

fn trouble(random: &mut StdRng) -> Trouble {
    match random.random_range(0..20) {
        0..=8 => Trouble::Exchange {
            fault: on_request(random),
            lasts: millis(random, 1_000, 60_000),
        },
        9 => on_event(random),
        10 => Trouble::Exchange {
            fault: on_stream(random),
            lasts: millis(random, 1_000, 30_000),
        },
        11 | 12 => Trouble::Exchange {
            fault: standing(random),
            lasts: millis(random, 500, 40_000),
        },
        13 => Trouble::Exchange {
            fault: immediate(random),
            lasts: Duration::ZERO,
        },
        14..=16 => on_wires(random),
        17 | 18 => on_engine(random),
        _ => match random.random_range(0..3) {
            0 => Trouble::StrategyPanic,
            1 => Trouble::ManualHalt,
            _ => Trouble::ExchangeRestart {
                lasts: millis(random, 100, 20_000),
            },
        },
    }
}

/// What a request does, and how likely it is hit: placements most.
const OPERATIONS: [&str; 14] = [
    "order.place",
    "order.place",
    "order.place",
    "order.place",
    "order.place",
    "order.cancel",
    "order.cancel",
    "order.amend.keepPriority",
    "order.status",
    "openOrders.status",
    "myTrades",
    "account.status",
    "time",
    "depth",
];

const ON_REQUESTS: [Kind; 15] = [
    Kind::Timeout,
    Kind::Overloaded,
    Kind::ServerError,
    Kind::CutBefore,
    Kind::CutAfter,
    Kind::DelayResponse,
    Kind::NoResponse,
    Kind::EventBeforeResponse,
    Kind::LateExecution,
    Kind::RateLimited,
    Kind::Banned,
    Kind::OrderLimit,
    Kind::ForbiddenHtml,
    Kind::Rejected,
    Kind::BadResponse,
];

const DAMAGES: [Damage; 5] = [
    Damage::Truncated,
    Damage::NumberForString,
    Damage::StringForNumber,
    Damage::UnknownStatus,
    Damage::MissingField,
];

fn on_request(random: &mut StdRng) -> FaultSpec {
    let kind = one_of(random, &ON_REQUESTS);
    let mut fault = FaultSpec::new(kind);
    fault.operation = Some(one_of(random, &OPERATIONS).to_owned());
    fault.count = one_of(random, &[1, 1, 1, 2, 5]);
    fault.skip = one_of(random, &[0, 0, 1, 3]);
    match kind {
        Kind::Timeout => {
            fault.live = Some(random.random());
            fault.ms = Some(one_of(random, &[500, 3_000, 10_000]));
        }
        Kind::ServerError => {
            fault.live = Some(random.random());
            fault.status = Some(one_of(random, &[500, 502, 503, 504]));
        }
        Kind::NoResponse => fault.live = Some(random.random()),
        Kind::DelayResponse => fault.ms = Some(one_of(random, &[50, 1_000, 9_000, 15_000])),
        Kind::EventBeforeResponse => fault.ms = Some(one_of(random, &[0, 20, 700])),
        Kind::LateExecution => fault.ms = Some(one_of(random, &[30, 1_000, 4_000, 9_000])),
        Kind::RateLimited | Kind::OrderLimit => fault.ms = Some(one_of(random, &[1_000, 10_000])),
        Kind::Banned => fault.ms = Some(one_of(random, &[2_000, 30_000])),
        Kind::BadResponse => {
            fault.how = Some(one_of(random, &DAMAGES));
            let field = one_of(
                random,
                &["", "orderId", "executedQty", "fills", "clientOrderId"],
            );
            fault.field = (!field.is_empty()).then(|| field.to_owned());
        }
        _ => {}
    }
    fault
}

fn on_event(random: &mut StdRng) -> Trouble {
    let kind = one_of(
        random,
        &[
            Kind::DelayEvent,
            Kind::DuplicateEvent,
            Kind::DropEvent,
            Kind::BadEvent,
        ],
    );
    let mut fault = FaultSpec::new(kind);
    let event = one_of(
        random,
        &[
            "executionReport",
            "TRADE",
            "NEW",
            "CANCELED",
            "outboundAccountPosition",
        ],
    );
    fault.event = Some(event.to_owned());
    fault.count = one_of(random, &[1, 2, 5]);
    match kind {
        Kind::DelayEvent => fault.ms = Some(one_of(random, &[100, 1_500, 6_000])),
        Kind::BadEvent => fault.how = Some(one_of(random, &DAMAGES)),
        Kind::DropEvent => {
            return Trouble::EventsLost {
                fault,
                cut: millis(random, 0, 3_000),
            };
        }
        _ => {}
    }
    let lasts = millis(random, 1_000, 30_000);
    Trouble::Exchange { fault, lasts }
}

fn on_stream(random: &mut StdRng) -> FaultSpec {
    let kind = one_of(
        random,
        &[Kind::BadMessage, Kind::DuplicateMessage, Kind::DropMessage],
    );
    let mut fault = FaultSpec::new(kind);
    fault.stream = Some(one_of(random, &["@bookTicker", "@depth", "ethusdt"]).to_owned());
    fault.count = one_of(random, &[1, 1, 3]);
    if kind == Kind::BadMessage {
        fault.how = Some(one_of(random, &DAMAGES));
    }
    fault
}

fn standing(random: &mut StdRng) -> FaultSpec {
    let kind = one_of(
        random,
        &[
            Kind::Silence,
            Kind::StaleReads,
            Kind::StaleReads,
            Kind::ClockOffset,
            Kind::ConnectionLife,
            Kind::RefuseConnections,
            Kind::UserDataDown,
        ],
    );
    let mut fault = FaultSpec::new(kind);
    match kind {
        Kind::StaleReads => fault.ms = Some(one_of(random, &[500, 2_000, 8_000])),
        Kind::ClockOffset => {
            let offset = random.random_range(100..20_000);
            fault.offset_ms = Some(if random.random() { offset } else { -offset });
        }
        Kind::ConnectionLife => fault.ms = Some(one_of(random, &[5_000, 20_000])),
        Kind::RefuseConnections => {
            fault.transport = Some(one_of(random, &[Transport::WsApi, Transport::Stream]));
        }
        _ => {}
    }
    fault
}

fn immediate(random: &mut StdRng) -> FaultSpec {
    let kind = one_of(
        random,
        &[Kind::ServerShutdown, Kind::Disconnect, Kind::EndEventStream],
    );
    let mut fault = FaultSpec::new(kind);
    match kind {
        Kind::ServerShutdown => fault.ms = Some(one_of(random, &[1_000, 10_000])),
        Kind::Disconnect => {
            fault.transport = one_of(
                random,
                &[None, Some(Transport::WsApi), Some(Transport::Stream)],
            );
        }
        _ => {}
    }
    fault
}

fn on_wires(random: &mut StdRng) -> Trouble {
    let door = one_of(random, &[Door::Rest, Door::Api, Door::Api, Door::Streams]);
    let side = one_of(random, &[Side::Client, Side::Server]);
    match random.random_range(0..6) {
        0 => Trouble::Cut {
            door,
            lost: random.random(),
        },
        1..=3 => Trouble::CutInWriting {
            door,
            side,
            bytes: random.random_range(0..3_000),
        },
        4 => Trouble::Stall {
            door,
            sides: one_of::<&'static [Side]>(
                random,
                &[
                    &[Side::Client],
                    &[Side::Server],
                    &[Side::Client, Side::Server],
                ],
            ),
            lasts: one_of(
                random,
                &[300, 4_000, 20_000, 90_000].map(Duration::from_millis),
            ),
        },
        _ => Trouble::Refuse {
            lasts: millis(random, 100, 20_000),
        },
    }
}

fn on_engine(random: &mut StdRng) -> Trouble {
    let down = millis(random, 50, 20_000);
    if random.random() {
        Trouble::Crash { down }
    } else {
        Trouble::CrashAtOrder {
            nth: random.random_range(1..6),
            down,
        }
    }
}
