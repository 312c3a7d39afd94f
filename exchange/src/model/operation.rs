//! One operation on one symbol: what it changes, what it reports, and what follows from it (triggered
//! stop orders, account positions, book updates).

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tripline_engine::ids::{Asset, ClientOrderId, VenueOrderId};
use tripline_engine::money::Price;

use super::event::{BookChanged, BookTicker, Event, Execution, ExecutionReport, Prevention};
use super::instrument::Instrument;
use super::ledger::Ledger;
use super::order::{Fill, Order, PreventedMatch};
use super::store::Store;
use super::terms::{
    ExecutionType, ExpiryReason, OrderStatus, RejectReason, Side, SymbolStatus, Time, TimeInForce,
};

/// Makes the client order ids of orders and cancels that came without: 22 letters and digits.
#[derive(Debug)]
pub(super) struct ClientIds(StdRng);

impl ClientIds {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub fn next_id(&mut self) -> ClientOrderId {
        let text: String = (0..22)
            .map(|_| char::from(self.0.sample(rand::distr::Alphanumeric)))
            .collect();
        ClientOrderId::new(&text).expect("22 letters and digits are a client order id")
    }
}

/// What one BNB costs in the assets in which commission falls due.
pub(super) type BnbPrices = BTreeMap<Asset, Price>;

/// One operation under way. [`Operation::finish`] completes it.
pub(crate) struct Operation<'a> {
    pub(super) instrument: &'a mut Instrument,
    pub(super) ledger: &'a mut Ledger,
    pub(super) client_ids: &'a mut ClientIds,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) bnb_prices: BnbPrices,
    pub(super) now: Time,
    /// The lowest and highest price traded so far.
    pub(super) traded: Option<(Price, Price)>,
    /// What the orders traded as takers.
    pub(super) fills: Vec<Fill>,
    pub(super) prevented: Vec<PreventedMatch>,
}

/// The parts of an execution report that are not the order's.
#[derive(Default)]
pub(super) struct Report {
    pub client_order_id: Option<ClientOrderId>,
    pub orig_client_order_id: Option<ClientOrderId>,
    pub trade: Option<Execution>,
    pub prevention: Option<Prevention>,
}

impl Operation<'_> {
    pub(super) const fn is_trading(&self) -> bool {
        matches!(self.instrument.rules.status, SymbolStatus::Trading)
    }

    /// Reports on an order as it stands; returns the execution id.
    pub(super) fn report(&mut self, id: VenueOrderId, kind: ExecutionType, with: Report) -> u64 {
        let order = self.instrument.store.known(id).clone();
        let execution_id = self.instrument.counters.next_execution();
        let rests = order.order_type.has_price() && order.time_in_force == TimeInForce::Gtc;
        let on_book =
            order.status.is_open() && order.is_working() && (rests || kind == ExecutionType::New);
        self.events.push(Event::Execution(Box::new(ExecutionReport {
            client_order_id: with.client_order_id.unwrap_or(order.client_order_id),
            orig_client_order_id: with.orig_client_order_id,
            execution: kind,
            reject_reason: RejectReason::None,
            execution_id,
            trade: with.trade,
            prevention: with.prevention,
            on_book,
            time: self.now,
            order,
        })));
        execution_id
    }

    /// Reports an order that the engine rejected and that is not kept.
    pub(super) fn report_rejected(&mut self, mut order: Order, reason: RejectReason) {
        order.status = OrderStatus::Rejected;
        self.events.push(Event::Execution(Box::new(ExecutionReport {
            client_order_id: order.client_order_id,
            orig_client_order_id: None,
            execution: ExecutionType::Rejected,
            reject_reason: reason,
            execution_id: self.instrument.counters.next_execution(),
            trade: None,
            prevention: None,
            on_book: false,
            time: self.now,
            order,
        })));
    }

    /// The asset that an order of this side locks and pays.
    pub(super) const fn paid_asset(&self, side: Side) -> Asset {
        match side {
            Side::Buy => self.instrument.rules.quote,
            Side::Sell => self.instrument.rules.base,
        }
    }

    /// Makes an order's locked funds fit what it still can trade.
    pub(super) fn adjust_lock(&mut self, id: VenueOrderId) {
        let order = self.instrument.store.known(id);
        let needed = if !order.status.is_open() {
            rust_decimal::Decimal::ZERO
        } else if order.order_type.has_price() || order.side == Side::Sell {
            self.instrument
                .to_lock(order.side, order.price, order.remaining())
        } else {
            order.locked
        };
        let surplus = order.locked - needed;
        if surplus > rust_decimal::Decimal::ZERO {
            let (account, asset) = (order.account, self.paid_asset(order.side));
            self.ledger.unlock(account, asset, surplus);
            self.instrument.store.known_mut(id).locked = needed;
        }
    }

    /// Ends an order: off the book, funds free, out of the open orders. The report is the caller's.
    pub(super) fn end(
        &mut self,
        id: VenueOrderId,
        status: OrderStatus,
        reason: Option<ExpiryReason>,
    ) {
        let now = self.now;
        let order = self.instrument.store.known_mut(id);
        let (side, price, left) = (order.side, order.price, order.remaining());
        order.status = status;
        order.expiry_reason = reason;
        order.update_time = now;
        if order.is_working() {
            self.instrument.book.reduce_order(side, price, id, left);
        }
        self.adjust_lock(id);
        self.instrument.store.finish(id);
    }

    /// Ends an order as EXPIRED and reports it.
    pub(super) fn expire(&mut self, id: VenueOrderId, reason: Option<ExpiryReason>) {
        self.end(id, OrderStatus::Expired, reason);
        self.report(id, ExecutionType::Expired, Report::default());
    }

    pub(super) fn publish_positions(&mut self) {
        let positions = self.ledger.take_positions(self.now);
        self.events
            .extend(positions.into_iter().map(Event::AccountPosition));
    }

    fn publish_book(&mut self) {
        let instrument = &mut *self.instrument;
        let levels = instrument.book.take_changes();
        if levels.is_empty() {
            return;
        }
        let symbol = instrument.rules.symbol;
        let first_update_id = instrument.counters.update + 1;
        instrument.counters.update += levels.len() as u64;
        let last_update_id = instrument.counters.update;
        let time = self.now;
        self.events.push(Event::BookChanged(BookChanged {
            symbol,
            first_update_id,
            last_update_id,
            levels,
            time,
        }));
        let touch = (
            instrument.book.best(Side::Buy),
            instrument.book.best(Side::Sell),
        );
        if touch != instrument.touch {
            instrument.touch = touch;
            self.events.push(Event::BookTicker(BookTicker {
                symbol,
                update_id: last_update_id,
                bid: touch.0,
                ask: touch.1,
                time,
            }));
        }
    }

    /// Forgets all orders and what came of them (see `Exchange::reset`); order numbers start again.
    pub(super) fn forget_orders(&mut self) {
        let open: Vec<_> = self
            .instrument
            .store
            .open_everyone()
            .filter(|order| order.is_working())
            .map(|order| (order.order_id, order.side, order.price, order.remaining()))
            .collect();
        for (id, side, price, quantity) in open {
            self.instrument.book.reduce_order(side, price, id, quantity);
        }
        self.instrument.store = Store::default();
        self.instrument.counters.restart_orders();
    }

    /// Completes the operation: account positions first, then one triggered stop order after the other
    /// (each with its positions), at last what changed in the book.
    pub(super) fn finish(mut self) {
        self.publish_positions();
        while let Some((low, high)) = self.traded {
            let Some(due) = self.instrument.store.take_due(low, high) else {
                break;
            };
            self.trigger(due);
            self.publish_positions();
        }
        self.publish_book();
    }
}
