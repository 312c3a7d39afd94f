//! Who gets which data of a symbol, and how: of books and prices the latest, of trades and klines each.

use tripline_engine::ids::StrategyId;
use tripline_engine::messages::market::{AggTrade, BestBidAsk, Kline, PartialDepth, Trade};
use tripline_engine::messages::view::{BookLost, BookView};
use tripline_engine::strategy::Subscription;

use crate::addresses::StrategyAddress;
use crate::delivery::{Outlet, Sender};

/// Delivers the latest of a kind of data; what a full mailbox cannot take is replaced by the next.
pub(super) struct Latest<M: actix::Message<Result = ()> + Send + 'static> {
    outlet: Outlet<M>,
    waiting: Option<M>,
    /// How many were replaced before they could be delivered.
    conflated: u64,
}

impl<M: actix::Message<Result = ()> + Send + 'static> Latest<M> {
    fn new(outlet: Outlet<M>) -> Self {
        Self {
            outlet,
            waiting: None,
            conflated: 0,
        }
    }

    pub(super) fn send(&mut self, message: M) {
        if self.waiting.take().is_some() {
            self.conflated += 1;
            if self.conflated.is_power_of_two() {
                log::warn!(actor = "market_data"; "market data conflated {} times: a strategy is slow", self.conflated);
            }
        }
        self.waiting = self.outlet.offer(message).err();
    }

    fn deliver_waiting(&mut self) {
        if let Some(message) = self.waiting.take() {
            self.waiting = self.outlet.offer(message).err();
        }
    }
}

/// Where the data goes.
pub(super) enum To {
    Best(Latest<BestBidAsk>),
    Book {
        view: Latest<BookView>,
        lost: Option<Outlet<BookLost>>,
    },
    Depth(Latest<PartialDepth>),
    Trades(Outlet<Trade>),
    AggTrades(Outlet<AggTrade>),
    Klines(Outlet<Kline>),
    /// The strategy does not take these messages; its instrument has fresh data all the same.
    Nobody,
}

/// One subscription of one strategy.
pub(super) struct Reader {
    pub(super) strategy: StrategyId,
    pub(super) subscription: Subscription,
    pub(super) to: To,
}

impl Reader {
    pub(super) fn new(
        strategy: StrategyId,
        subscription: Subscription,
        address: &StrategyAddress,
        sender: &Sender,
    ) -> Self {
        Self {
            strategy,
            subscription,
            to: to(strategy, subscription, address, sender).unwrap_or(To::Nobody),
        }
    }

    pub(super) fn is(&self, strategy: StrategyId, subscription: &Subscription) -> bool {
        self.strategy == strategy && self.subscription == *subscription
    }

    pub(super) fn deliver_waiting(&mut self) {
        match &mut self.to {
            To::Best(latest) => latest.deliver_waiting(),
            To::Book { view, .. } => view.deliver_waiting(),
            To::Depth(latest) => latest.deliver_waiting(),
            To::Trades(_) | To::AggTrades(_) | To::Klines(_) | To::Nobody => {}
        }
    }
}

/// `None` when the strategy does not take the messages of this subscription.
fn to(
    strategy: StrategyId,
    subscription: Subscription,
    address: &StrategyAddress,
    sender: &Sender,
) -> Option<To> {
    let name = format!("strategy {strategy}");
    Some(match subscription {
        Subscription::Best(_) => To::Best(Latest::new(sender.outlet(name, address.best.clone()?))),
        Subscription::Book { .. } => {
            let lost = address.book_lost.clone();
            To::Book {
                view: Latest::new(sender.outlet(name.clone(), address.book.clone()?)),
                lost: lost.map(|to| sender.outlet(name, to)),
            }
        }
        Subscription::Depth { .. } => {
            To::Depth(Latest::new(sender.outlet(name, address.depth.clone()?)))
        }
        Subscription::Trades(_) => To::Trades(sender.outlet(name, address.trade.clone()?)),
        Subscription::AggTrades(_) => {
            To::AggTrades(sender.outlet(name, address.agg_trade.clone()?))
        }
        Subscription::Klines { .. } => To::Klines(sender.outlet(name, address.kline.clone()?)),
    })
}
