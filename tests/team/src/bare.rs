//! A strategy as a bare Actix actor, wired to the same typed messages.

use actix::{Actor, Context, Handler};
use tripline::BareWiring;
use tripline_actors::addresses::{GatewayAddress, StrategyAddress};
use tripline_actors::delivery::{MAILBOX, Outlet, Sender};
use tripline_engine::halt::{Gate, HaltLevel, Scope};
use tripline_engine::ids::{AccountId, OrderIds, StrategyId, Symbol};
use tripline_engine::messages::control::{Halt, InitFailed, Ready, Resumed, Stop};
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::messages::order::{OrderEvent, OrderFilled, PlaceOrder};
use tripline_engine::money::Quantity;
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::strategy::Subscription;

/// Buys once at the market, as soon as it may.
pub struct BuyOnce {
    pub symbol: Symbol,
    pub quantity: Quantity,
    strategy: StrategyId,
    account: AccountId,
    ids: OrderIds,
    gate: Gate,
    place: Outlet<PlaceOrder>,
    clock: tripline_actors::clock::Clock,
    ready: bool,
    bought: bool,
}

impl BuyOnce {
    /// What it follows.
    pub fn subscriptions(symbol: Symbol) -> Vec<Subscription> {
        vec![Subscription::Best(symbol)]
    }

    /// Starts it, and tells the engine which messages it takes.
    pub fn start_with(wiring: BareWiring, symbol: Symbol, quantity: Quantity) -> StrategyAddress {
        let BareWiring { strategy, account, gateway, ids, gate, faults, clock } = wiring;
        let sender = Sender { actor: "buy_once", scope: Scope::Strategy(strategy), faults, clock: clock.clone() };
        let GatewayAddress { place, .. } = gateway;
        let place = sender.outlet("gateway", place);
        let addr = Self { symbol, quantity, strategy, account, ids, gate, place, clock, ready: false, bought: false }
            .start();
        StrategyAddress::of(&addr).best(&addr)
    }
}

impl Actor for BuyOnce {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Actix's default of 16 is not enough for a burst of trades.
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<BestBidAsk> for BuyOnce {
    type Result = ();
    fn handle(&mut self, best: BestBidAsk, _: &mut Context<Self>) {
        if !self.ready || self.bought || best.symbol != self.symbol || self.gate.level() > HaltLevel::Active {
            return;
        }
        self.bought = true;
        self.place.send(PlaceOrder {
            id: self.ids.next_id(),
            strategy: self.strategy,
            account: self.account,
            terms: NewOrder::market(self.symbol, Side::Buy, self.quantity),
            created: self.clock.venue_now(),
        });
    }
}

impl Handler<Ready> for BuyOnce {
    type Result = ();
    fn handle(&mut self, _: Ready, _: &mut Context<Self>) {
        self.ready = true;
    }
}

impl Handler<OrderFilled> for BuyOnce {
    type Result = ();
    fn handle(&mut self, filled: OrderFilled, _: &mut Context<Self>) {
        println!("bought {} at {}", filled.fill.quantity, filled.fill.price);
    }
}

macro_rules! prints {
    ($($message:ty),+) => {
        $(
            impl Handler<$message> for BuyOnce {
                type Result = ();
                fn handle(&mut self, message: $message, _: &mut Context<Self>) {
                    println!("{message:?}");
                }
            }
        )+
    };
}

prints!(OrderEvent, InitFailed, Halt, Resumed, Stop);
