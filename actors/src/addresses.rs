//! How actors know each other: by the messages they take, not by their types, so that a bare Actix
//! actor or a mock can stand in for any of them.

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler, Recipient};
use tripline_engine::messages::account::BalancesChanged;
use tripline_engine::messages::control::{FaultSeen, Halt, InitFailed, Ready, Resumed, Stop};
use tripline_engine::messages::market::{AggTrade, BestBidAsk, Kline, PartialDepth, Trade};
use tripline_engine::messages::order::{
    AmendOrder, CancelAll, CancelOrder, OrderEvent, OrderFilled, PlaceOrder,
};
use tripline_engine::messages::view::{BookLost, BookView};

/// What a strategy sends orders to: the gateway, or `testing::MockGateway`.
#[derive(Clone)]
pub struct GatewayAddress {
    pub place: Recipient<PlaceOrder>,
    pub cancel: Recipient<CancelOrder>,
    pub amend: Recipient<AmendOrder>,
    pub cancel_all: Recipient<CancelAll>,
}

impl GatewayAddress {
    pub fn of<A>(addr: &Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>>
            + Handler<PlaceOrder>
            + Handler<CancelOrder>
            + Handler<AmendOrder>
            + Handler<CancelAll>,
    {
        let addr = addr.clone();
        Self {
            place: addr.clone().recipient(),
            cancel: addr.clone().recipient(),
            amend: addr.clone().recipient(),
            cancel_all: addr.recipient(),
        }
    }
}

/// A strategy as the other actors see it. [`StrategyAddress::of`] takes any actor that handles the
/// messages about orders and halts; market data is added for what the actor handles.
#[derive(Clone)]
pub struct StrategyAddress {
    pub order: Recipient<OrderEvent>,
    pub fill: Recipient<OrderFilled>,
    pub ready: Recipient<Ready>,
    pub init_failed: Recipient<InitFailed>,
    pub halt: Recipient<Halt>,
    pub resumed: Recipient<Resumed>,
    pub stop: Recipient<Stop>,
    pub fault: Option<Recipient<FaultSeen>>,
    pub balances: Option<Recipient<BalancesChanged>>,
    pub best: Option<Recipient<BestBidAsk>>,
    pub book: Option<Recipient<BookView>>,
    pub book_lost: Option<Recipient<BookLost>>,
    pub depth: Option<Recipient<PartialDepth>>,
    pub trade: Option<Recipient<Trade>>,
    pub agg_trade: Option<Recipient<AggTrade>>,
    pub kline: Option<Recipient<Kline>>,
}

macro_rules! optional {
    ($($(#[$doc:meta])* $name:ident: $message:ty),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name<A>(mut self, addr: &Addr<A>) -> Self
            where
                A: Actor + Handler<$message>,
                A::Context: ToEnvelope<A, $message>,
            {
                self.$name = Some(addr.clone().recipient());
                self
            }
        )+
    };
}

impl StrategyAddress {
    pub fn of<A>(addr: &Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>>
            + Handler<OrderEvent>
            + Handler<OrderFilled>
            + Handler<Ready>
            + Handler<InitFailed>
            + Handler<Halt>
            + Handler<Resumed>
            + Handler<Stop>,
    {
        let addr = addr.clone();
        Self {
            order: addr.clone().recipient(),
            fill: addr.clone().recipient(),
            ready: addr.clone().recipient(),
            init_failed: addr.clone().recipient(),
            halt: addr.clone().recipient(),
            resumed: addr.clone().recipient(),
            stop: addr.recipient(),
            fault: None,
            balances: None,
            best: None,
            book: None,
            book_lost: None,
            depth: None,
            trade: None,
            agg_trade: None,
            kline: None,
        }
    }

    optional!(
        fault: FaultSeen,
        balances: BalancesChanged,
        best: BestBidAsk,
        book: BookView,
        book_lost: BookLost,
        depth: PartialDepth,
        trade: Trade,
        agg_trade: AggTrade,
        kline: Kline,
    );
}
