//! What the gateway takes: commands of strategies, news of the private stream, halts.

use std::collections::BTreeMap;

use actix::{Context, Handler, Message, ResponseFuture};
use rust_decimal::Decimal;
use tripline_engine::halt::{Incident, Scope};
use tripline_engine::ids::{Asset, Symbol};
use tripline_engine::instrument::Instrument;
use tripline_engine::messages::account::{BalanceMoved, BalancesChanged, PrivateStreamChanged};
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::messages::order::{
    AmendOrder, CancelAll, CancelOrder, OrderReport, PlaceOrder,
};
use tripline_engine::messages::view::ReferenceChanged;
use tripline_engine::money::Price;
use tripline_engine::order::Order;
use tripline_engine::position::{Position, StrategyPosition};

use super::OrderGateway;

/// Sweep the scope of this incident, if its reaction asks for that. The latch is set already.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct HaltOrdered(pub Incident);

/// The clock's offset came within its bound, or left it.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct ClockJudged {
    pub good: bool,
}

/// Stop placing, then do with resting orders what the policy says. Answered when the venue shows none,
/// or at once when they are kept.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "StopReport")]
pub struct StopOrders {
    pub resting_orders: RestingOrders,
}

/// How the stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, actix::MessageResponse)]
pub struct StopReport {
    /// The venue confirmed that no order of ours is open or, where they are kept, has told of each how it
    /// stands.
    pub swept: bool,
    /// Orders that are, or may be, open.
    pub open: usize,
}

/// An instrument is added while the engine runs.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct AddInstrument(pub Instrument);

/// Read what the gateway knows.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "DeskSnapshot")]
pub struct ReadDesk;

/// An instrument's last price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The asset in which it is priced.
    pub quote: Asset,
    /// `None` while its data is not fresh.
    pub price: Option<Price>,
}

impl Mark {
    fn of((instrument, price): (&Instrument, Option<Price>)) -> (Symbol, Self) {
        let quote = instrument.quote;
        (instrument.symbol, Self { quote, price })
    }
}

/// What the gateway knows.
#[derive(Debug, Clone, Default, actix::MessageResponse)]
pub struct DeskSnapshot {
    /// Every order that it knows, by client order id.
    pub orders: Vec<Order>,
    /// What the fills of this run add up to, by strategy and symbol.
    pub positions: Vec<StrategyPosition>,
    /// The same over all strategies, by symbol.
    pub account_positions: Vec<Position>,
    /// Every instrument with its last price.
    pub marks: BTreeMap<Symbol, Mark>,
    /// Orders given to the venue's adapter and not refused before the socket.
    pub orders_sent: u64,
    pub private_stream_live: bool,
    /// Open orders on the account that this engine has not placed, as they were seen last.
    pub foreign: Vec<OrderReport>,
    /// What the account must hold, free and locked together; empty before the venue's first word.
    pub expected_balances: BTreeMap<Asset, Decimal>,
    /// Sweeps that have not ended.
    pub sweeps: usize,
}

impl Handler<PlaceOrder> for OrderGateway {
    type Result = ();
    fn handle(&mut self, command: PlaceOrder, ctx: &mut Context<Self>) {
        self.look_up(ctx);
        self.work(ctx, |desk, now, out| desk.place(command, now, out));
    }
}

impl Handler<CancelOrder> for OrderGateway {
    type Result = ();
    fn handle(&mut self, command: CancelOrder, ctx: &mut Context<Self>) {
        self.work(ctx, |desk, now, out| desk.cancel(command, now, out));
    }
}

impl Handler<AmendOrder> for OrderGateway {
    type Result = ();
    fn handle(&mut self, command: AmendOrder, ctx: &mut Context<Self>) {
        self.work(ctx, |desk, now, out| desk.amend(command, now, out));
    }
}

impl Handler<CancelAll> for OrderGateway {
    type Result = ();
    fn handle(&mut self, command: CancelAll, ctx: &mut Context<Self>) {
        self.work(ctx, |desk, now, out| desk.cancel_all(command, now, out));
    }
}

impl Handler<OrderReport> for OrderGateway {
    type Result = ();
    fn handle(&mut self, report: OrderReport, ctx: &mut Context<Self>) {
        self.work(ctx, |desk, now, out| desk.report(report, now, out));
    }
}

impl Handler<BalancesChanged> for OrderGateway {
    type Result = ();
    fn handle(&mut self, changed: BalancesChanged, ctx: &mut Context<Self>) {
        let BalancesChanged { balances, at, .. } = changed;
        self.work(ctx, |desk, now, out| {
            desk.balances_shown(&balances, at, now, out);
        });
    }
}

impl Handler<BalanceMoved> for OrderGateway {
    type Result = ();
    fn handle(&mut self, moved: BalanceMoved, ctx: &mut Context<Self>) {
        self.work(ctx, |desk, now, out| desk.moved(&moved, now, out));
    }
}

impl Handler<PrivateStreamChanged> for OrderGateway {
    type Result = ();
    fn handle(&mut self, changed: PrivateStreamChanged, ctx: &mut Context<Self>) {
        if changed.live {
            self.work(ctx, |desk, now, out| desk.private_stream_up(now, out));
            self.check_ready();
        } else {
            // After a stop there are none in any case.
            let level = match self.desk.is_stopping() {
                true => log::Level::Debug,
                false => log::Level::Warn,
            };
            log::log!(level, actor = "gateway"; "no new orders: the private stream is down: {}", changed.reason);
            self.work(ctx, |desk, _, out| desk.private_stream_down(out));
        }
    }
}

impl Handler<ReferenceChanged> for OrderGateway {
    type Result = ();
    fn handle(
        &mut self,
        ReferenceChanged { symbol, price, at }: ReferenceChanged,
        _: &mut Context<Self>,
    ) {
        if price.is_some() && at < self.awake_since {
            return;
        }
        self.desk.set_reference(symbol, price);
        if price.is_some() {
            for seat in self.seats.values_mut() {
                seat.readiness.fresh(symbol);
            }
            self.check_ready();
        }
    }
}

impl Handler<ClockJudged> for OrderGateway {
    type Result = ();
    fn handle(&mut self, ClockJudged { good }: ClockJudged, _: &mut Context<Self>) {
        self.desk.set_clock_good(good);
    }
}

impl Handler<HaltOrdered> for OrderGateway {
    type Result = ();
    fn handle(&mut self, HaltOrdered(incident): HaltOrdered, ctx: &mut Context<Self>) {
        // After a panic in it nobody says that the sweep was begun.
        let is_begun = self.work(ctx, |desk, now, out| desk.halted(&incident, now, out));
        if is_begun {
            self.sweeping.insert(incident.fault.scope, incident.id);
            self.confirm_sweeps();
        }
    }
}

impl Handler<ReadDesk> for OrderGateway {
    type Result = DeskSnapshot;
    fn handle(&mut self, _: ReadDesk, _: &mut Context<Self>) -> DeskSnapshot {
        let mut orders: Vec<_> = self.desk.orders().cloned().collect();
        orders.sort_unstable_by_key(|order| order.id);
        let positions = self.desk.positions();
        DeskSnapshot {
            orders,
            positions: positions.positions().map(StrategyPosition::of).collect(),
            account_positions: positions.account_positions().cloned().collect(),
            marks: self.desk.marks().map(Mark::of).collect(),
            orders_sent: self.desk.orders_sent,
            private_stream_live: self.desk.is_private_stream_live(),
            foreign: self.desk.foreign().cloned().collect(),
            expected_balances: self.desk.expected_balances().cloned().unwrap_or_default(),
            sweeps: self.desk.sweeps().len(),
        }
    }
}

impl Handler<StopOrders> for OrderGateway {
    type Result = ResponseFuture<StopReport>;
    fn handle(
        &mut self,
        command: StopOrders,
        ctx: &mut Context<Self>,
    ) -> ResponseFuture<StopReport> {
        self.desk.stop();
        self.tell_unfinished_flattens();
        let open = self.desk.open_orders().count();
        let (answer, swept) = tokio::sync::oneshot::channel();
        if command.resting_orders == RestingOrders::Keep {
            self.keeping.push(answer);
            self.answer_keeping();
        } else {
            self.stopping.push(answer);
            self.work(ctx, |desk, now, out| {
                desk.sweep(Scope::Global, None, now, out)
            });
        }
        Box::pin(async move { swept.await.unwrap_or(StopReport { swept: false, open }) })
    }
}

impl Handler<AddInstrument> for OrderGateway {
    type Result = ();
    fn handle(&mut self, AddInstrument(instrument): AddInstrument, _: &mut Context<Self>) {
        self.desk.add_instrument(instrument);
    }
}
