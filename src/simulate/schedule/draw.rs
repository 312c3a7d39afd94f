//! Draws what goes wrong.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tripline_actors::journal::Step;
use tripline_engine::halt::{Reaction, Scope};
use tripline_exchange::faults::{Damage, FaultSpec, Kind, Transport};

use super::Trouble;
use crate::simulate::memory::StoreTrouble;
use crate::simulate::network::Door;
use crate::simulate::panics::PanicAt;
use crate::simulate::pipe::Side;

pub(super) fn millis(random: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.random_range(from..to))
}

pub(super) fn one_of<T: Clone>(random: &mut StdRng, choices: &[T]) -> T {
    choices
        .choose(random)
        .cloned()
        .expect("there is something to choose from")
}

pub(super) fn trouble(random: &mut StdRng) -> Trouble {
    match random.random_range(0..24) {
        0..=7 => Trouble::Exchange {
            fault: on_request(random),
            lasts: millis(random, 1_000, 60_000),
        },
        8 => unclear_while_stale(random),
        9 | 22 | 23 => on_event(random),
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
        19 => on_store(random),
        _ => match random.random_range(0..5) {
            0..=2 => Trouble::Panic(one_of(
                random,
                &[
                    PanicAt::Market,
                    PanicAt::Order,
                    PanicAt::Fill,
                    PanicAt::Socket,
                    PanicAt::Channel,
                ],
            )),
            3 => Trouble::ManualHalt(Scope::Global, Reaction::STRICT),
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

const ON_REQUESTS: [Kind; 16] = [
    Kind::Timeout,
    Kind::Overloaded,
    Kind::ServerError,
    Kind::CutBefore,
    Kind::CutAfter,
    Kind::DelayResponse,
    Kind::DuplicateResponse,
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

fn unclear_while_stale(random: &mut StdRng) -> Trouble {
    let kind = one_of(
        random,
        &[Kind::Timeout, Kind::ServerError, Kind::NoResponse],
    );
    let mut fault = FaultSpec::new(kind);
    fault.operation = Some("order.place".to_owned());
    fault.live = Some(true);
    fault.ms = (kind == Kind::Timeout).then_some(500);
    let mut stale = FaultSpec::new(Kind::StaleReads);
    stale.ms = Some(one_of(random, &[2_000, 5_000, 8_000]));
    Trouble::UnclearWhileStale { fault, stale }
}

fn on_event(random: &mut StdRng) -> Trouble {
    let kind = one_of(
        random,
        &[
            Kind::DropEvent,
            Kind::DropEvent,
            Kind::DropEvent,
            Kind::DelayEvent,
            Kind::DuplicateEvent,
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

fn on_store(random: &mut StdRng) -> Trouble {
    let step = one_of(
        random,
        &[Step::Append, Step::Commit, Step::Head, Step::Sync],
    );
    Trouble::Store(if random.random() {
        StoreTrouble::Fails(step)
    } else {
        let took = one_of(random, &[50, 1_500, 12_000]);
        StoreTrouble::Slow(step, Duration::from_millis(took))
    })
}
