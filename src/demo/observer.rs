//! A bare actor beside the strategies that only watches the market, for the view.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use actix::{Actor, Context, Handler};
use tripline_actors::addresses::StrategyAddress;
use tripline_actors::delivery::MAILBOX;
use tripline_engine::ids::{IdError, Symbol};
use tripline_engine::messages::control::{Halt, InitFailed, Ready, Resumed, Stop};
use tripline_engine::messages::market::{BestBidAsk, Trade};
use tripline_engine::messages::order::{OrderEvent, OrderFilled};
use tripline_engine::strategy::Subscription;

/// The market as it was seen last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) best: BTreeMap<Symbol, BestBidAsk>,
    pub(super) last: BTreeMap<Symbol, Trade>,
    pub(super) ticks: u64,
    pub(super) trades: u64,
    /// Resumes, in words.
    pub(super) notes: Vec<String>,
}

pub(super) struct Observer(Rc<RefCell<Seen>>);

impl Observer {
    pub(super) fn subscriptions() -> Result<Vec<Subscription>, IdError> {
        let mut wanted = Vec::new();
        for name in ["BTCUSDT", "ETHUSDT"] {
            let symbol = Symbol::new(name)?;
            wanted.extend([Subscription::Best(symbol), Subscription::Trades(symbol)]);
        }
        Ok(wanted)
    }

    pub(super) fn start_with(seen: Rc<RefCell<Seen>>) -> StrategyAddress {
        let addr = Self(seen).start();
        StrategyAddress::of(&addr).best(&addr).trade(&addr)
    }
}

impl Actor for Observer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<BestBidAsk> for Observer {
    type Result = ();
    fn handle(&mut self, best: BestBidAsk, _: &mut Context<Self>) {
        let mut seen = self.0.borrow_mut();
        seen.ticks += 1;
        seen.best.insert(best.symbol, best);
    }
}

impl Handler<Trade> for Observer {
    type Result = ();
    fn handle(&mut self, trade: Trade, _: &mut Context<Self>) {
        let mut seen = self.0.borrow_mut();
        seen.trades += 1;
        seen.last.insert(trade.symbol, trade);
    }
}

impl Handler<Resumed> for Observer {
    type Result = ();
    fn handle(&mut self, resumed: Resumed, _: &mut Context<Self>) {
        self.0
            .borrow_mut()
            .notes
            .push(format!("resumed {}: {}", resumed.scope, resumed.reason));
    }
}

macro_rules! ignores {
    ($($message:ty),+) => {
        $(impl Handler<$message> for Observer {
            type Result = ();
            fn handle(&mut self, _: $message, _: &mut Context<Self>) {}
        })+
    };
}

ignores!(OrderEvent, OrderFilled, Ready, InitFailed, Halt, Stop);
