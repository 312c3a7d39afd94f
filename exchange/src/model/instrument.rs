//! One symbol: its rules, book, orders and tape, and the counters that number what happens.

use rust_decimal::Decimal;
use tripline_engine::ids::{TradeId, VenueOrderId};
use tripline_engine::money::{Price, Quantity};

use super::amount::cost;
use super::book::Book;
use super::settings::InstrumentSettings;
use super::store::Store;
use super::tape::Tape;
use super::terms::Side;

/// The numbers given last.
#[derive(Debug, Default)]
pub(super) struct Counters {
    order: u64,
    trade: u64,
    execution: u64,
    prevented: u64,
    pub update: u64,
}

impl Counters {
    pub const fn next_order(&mut self) -> VenueOrderId {
        self.order += 1;
        VenueOrderId(self.order)
    }

    /// Order, execution and prevented-match numbers start again; those of trades and updates go on.
    pub const fn restart_orders(&mut self) {
        self.order = 0;
        self.execution = 0;
        self.prevented = 0;
    }

    pub const fn next_trade(&mut self) -> TradeId {
        self.trade += 1;
        TradeId(self.trade)
    }

    /// Execution ids are shared by all orders of the symbol, so those of one account have gaps.
    pub const fn next_execution(&mut self) -> u64 {
        self.execution += 1;
        self.execution
    }

    pub const fn next_prevented(&mut self) -> u64 {
        self.prevented += 1;
        self.prevented
    }
}

/// The best prices and their quantities as last published.
pub(super) type Touch = (Option<(Price, Quantity)>, Option<(Price, Quantity)>);

#[derive(Debug)]
pub(super) struct Instrument {
    pub rules: InstrumentSettings,
    pub book: Book,
    pub store: Store,
    pub tape: Tape,
    pub counters: Counters,
    pub touch: Touch,
}

impl Instrument {
    pub fn new(rules: InstrumentSettings) -> Self {
        let last = rules.last_price;
        Self {
            rules,
            book: Book::new(),
            store: Store::default(),
            tape: Tape::new(last),
            counters: Counters::default(),
            touch: (None, None),
        }
    }

    /// What a trade moves in the quote asset.
    pub fn cost(&self, price: Price, quantity: Quantity) -> Decimal {
        cost(price, quantity, self.rules.quote_precision)
    }

    /// What an order of this side, limit and quantity locks.
    pub fn to_lock(&self, side: Side, price: Price, quantity: Quantity) -> Decimal {
        match side {
            Side::Buy => self.cost(price, quantity),
            Side::Sell => quantity.value(),
        }
    }
}
