//! What a seed decides: the network, the strategies' pace, how long is traded, and what goes wrong when.

mod draw;
mod policy;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tripline_actors::venue::binance::settings::OrderTransport;
use tripline_engine::halt::{HaltPolicy, Reaction, Scope};
use tripline_engine::journal::Durability;
use tripline_exchange::faults::FaultSpec;

use super::memory::StoreTrouble;
use super::network::Door;
use super::panics::PanicAt;
use super::pipe::Side;
use draw::{millis, one_of, trouble};

/// Everything that is drawn before a run begins.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    /// One way, between engine and exchange.
    pub(super) latency: Duration,
    pub(super) transport: OrderTransport,
    /// Between two acts of the hand.
    pub(super) pace: Duration,
    pub(super) durability: Durability,
    /// How long the journal's records wait to be stored together.
    pub(super) gather: Duration,
    /// How long is traded before everything is healed and settles.
    pub(super) trading: Duration,
    /// What faults do, where the subject has no policy of its own.
    pub(super) policy: HaltPolicy,
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
    /// The answer to a placement is lost or unclear while reads are stale, so that the order is not found.
    UnclearWhileStale { fault: FaultSpec, stale: FaultSpec },
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
    /// Somebody panics.
    Panic(PanicAt),
    /// Something goes wrong with the journal's files.
    Store(StoreTrouble),
    /// A person halts.
    ManualHalt(Scope, Reaction),
}

impl Trouble {
    /// The word under which it is counted.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Exchange { fault, .. } => fault.kind.name(),
            Self::UnclearWhileStale { .. } => "unclear_while_stale",
            Self::EventsLost { .. } => "events_lost_with_connection",
            Self::Cut { lost: false, .. } => "cut",
            Self::Cut { lost: true, .. } => "cut_with_loss",
            Self::CutInWriting { .. } => "cut_in_writing",
            Self::Stall { .. } => "stall",
            Self::Refuse { .. } => "refuse",
            Self::ExchangeRestart { .. } => "exchange_restart",
            Self::Crash { .. } => "crash",
            Self::CrashAtOrder { .. } => "crash_at_order",
            Self::Panic(PanicAt::Market | PanicAt::Order | PanicAt::Fill) => "strategy_panic",
            Self::Panic(PanicAt::Socket) => "connection_panic",
            Self::Panic(PanicAt::Channel) => "alert_channel_panic",
            Self::Store(StoreTrouble::Fails(_)) => "journal_failure",
            Self::Store(StoreTrouble::Slow(..)) => "journal_slow",
            Self::ManualHalt(_, reaction) if reaction.flattens() => "manual_flatten",
            Self::ManualHalt(..) => "manual_halt",
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
        let trading = millis(&mut random, 8_000, 35_000);
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
        policy::vary_halts(seed, &mut steps);
        steps.sort_by_key(|step| step.at);
        Self {
            seed,
            latency: Duration::from_millis(latency),
            transport,
            pace: millis(&mut random, 200, 1_500),
            durability: one_of(
                &mut random,
                &[Durability::Process, Durability::Process, Durability::Power],
            ),
            gather: millis(&mut random, 20, 600),
            trading,
            policy: policy::draw(seed),
            steps,
        }
    }
}
