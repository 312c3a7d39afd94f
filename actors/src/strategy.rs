//! The strategy actor: hosts one [`Strategy`](tripline_engine::strategy::Strategy), calls it directly,
//! sends on what it asks for.

use actix::{Actor, AsyncContext, Context, Handler, Message, SpawnHandle};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::ids::StrategyId;
use tripline_engine::messages::account::BalancesChanged;
use tripline_engine::messages::alert::Alert;
use tripline_engine::messages::control::{FaultSeen, Halt, InitFailed, Ready, Resumed, Stop};
use tripline_engine::messages::market::{AggTrade, BestBidAsk, Kline, PartialDepth, Trade};
use tripline_engine::messages::order::{
    AmendOrder, CancelAll, CancelOrder, OrderEvent, OrderFilled, PlaceOrder,
};
use tripline_engine::messages::view::{BookLost, BookView};
use tripline_engine::strategy::{Input, Request, StrategyHost};
use tripline_engine::time::Timestamp;

use crate::addresses::GatewayAddress;
use crate::clock::Clock;
use crate::delivery::{MAILBOX, Outlet, Sender};
use crate::faults::Faults;
use crate::gateway::AddInstrument;
use crate::panics::{Guard, Shield};

/// Hosts one strategy.
pub struct StrategyActor {
    host: StrategyHost,
    clock: Clock,
    faults: Faults,
    shield: Shield,
    place: Outlet<PlaceOrder>,
    cancel: Outlet<CancelOrder>,
    amend: Outlet<AmendOrder>,
    cancel_all: Outlet<CancelAll>,
    alerts: Outlet<Alert>,
    live: bool,
    armed: Option<(Timestamp, SpawnHandle)>,
    _guard: Guard,
}

/// What a strategy actor needs beside its host.
pub struct StrategyWiring {
    pub gateway: GatewayAddress,
    pub alerts: actix::Recipient<Alert>,
    pub faults: Faults,
    pub clock: Clock,
    /// Whether real money is traded; alerts say so.
    pub live: bool,
}

impl StrategyActor {
    #[must_use]
    pub fn new(host: StrategyHost, wiring: StrategyWiring) -> Self {
        let StrategyWiring {
            gateway,
            alerts,
            faults,
            clock,
            live,
        } = wiring;
        let scope = Scope::Strategy(host.id());
        let sender = Sender {
            actor: "strategy",
            scope,
            faults: faults.clone(),
            clock: clock.clone(),
        };
        let shield = Shield {
            actor: "strategy",
            scope,
            faults: faults.clone(),
            clock: clock.clone(),
        };
        Self {
            host,
            clock,
            faults,
            live,
            _guard: shield.guard(),
            shield,
            place: sender.outlet("gateway", gateway.place),
            cancel: sender.outlet("gateway", gateway.cancel),
            amend: sender.outlet("gateway", gateway.amend),
            cancel_all: sender.outlet("gateway", gateway.cancel_all),
            alerts: sender.outlet("alert", alerts),
            armed: None,
        }
    }

    #[must_use]
    pub fn id(&self) -> StrategyId {
        self.host.id()
    }

    fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let now = self.clock.venue_now();
        let (host, shield) = (&mut self.host, &self.shield);
        if let Some(requests) = shield.run(|| host.handle(input, now)) {
            self.send(requests, now);
        }
        self.arm(now, ctx);
    }

    fn send(&mut self, requests: Vec<Request>, now: Timestamp) {
        for request in requests {
            match request {
                Request::Place(command) => self.place.send(command),
                Request::Cancel(command) => self.cancel.send(command),
                Request::Amend(command) => self.amend.send(command),
                Request::CancelAll(command) => self.cancel_all.send(command),
                Request::Alert { severity, text } => {
                    let strategy = self.host.id();
                    let title = format!("strategy {strategy}: {text}");
                    self.alerts.send(Alert {
                        scope: Some(Scope::Strategy(strategy)),
                        strategy: Some(strategy),
                        live: self.live,
                        ..Alert::new(severity, title, now)
                    });
                }
                Request::Fault { kind, detail } => {
                    self.raise(self.host.fault(kind, detail, now));
                }
            }
        }
    }

    fn raise(&self, fault: Fault) {
        self.faults.raise(fault);
    }

    /// Keeps one timer armed for the earliest of the strategy's.
    fn arm(&mut self, now: Timestamp, ctx: &mut Context<Self>) {
        let due = self.host.next_timer();
        if self.armed.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, handle)) = self.armed.take() {
            ctx.cancel_future(handle);
        }
        if let Some(due) = due {
            let handle = ctx.run_later(due.saturating_since(now), |actor, ctx| {
                actor.armed = None;
                actor.take(Input::Tick, ctx);
            });
            self.armed = Some((due, handle));
        }
    }
}

impl Actor for StrategyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        let now = self.clock.venue_now();
        let (host, shield) = (&mut self.host, &self.shield);
        if let Some(requests) = shield.run(|| host.start(now)) {
            self.send(requests, now);
        }
        self.arm(now, ctx);
    }
}

macro_rules! takes {
    ($($message:ty => $input:expr),+ $(,)?) => {
        $(
            impl Handler<$message> for StrategyActor {
                type Result = ();
                fn handle(&mut self, message: $message, ctx: &mut Context<Self>) {
                    let input: fn($message) -> Input = $input;
                    self.take(input(message), ctx);
                }
            }
        )+
    };
}

takes!(
    BestBidAsk => Input::Best,
    BookView => Input::Book,
    BookLost => |lost| Input::BookLost(lost.symbol),
    PartialDepth => Input::Depth,
    Trade => Input::Trade,
    AggTrade => Input::AggTrade,
    Kline => Input::Kline,
    OrderEvent => Input::Order,
    OrderFilled => Input::Fill,
    BalancesChanged => Input::Balances,
    Ready => |_| Input::Ready,
    InitFailed => |failed| Input::InitFailed(failed.reason),
    FaultSeen => |seen| Input::Fault(seen.fault),
    Halt => Input::Halt,
    Resumed => Input::Resumed,
    Stop => |_| Input::Stop,
);

impl Handler<AddInstrument> for StrategyActor {
    type Result = ();
    fn handle(&mut self, AddInstrument(instrument): AddInstrument, _: &mut Context<Self>) {
        self.host.add_instrument(instrument);
    }
}

/// Raise a fault in the strategy, as if a callback had failed. For drills and tests.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Provoke {
    pub kind: FaultKind,
    pub detail: String,
}

impl Handler<Provoke> for StrategyActor {
    type Result = ();
    fn handle(&mut self, provoke: Provoke, _: &mut Context<Self>) {
        self.raise(
            self.host
                .fault(provoke.kind, provoke.detail, self.clock.now()),
        );
    }
}
