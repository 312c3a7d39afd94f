//! Cancel, cancel all, and the amend that keeps an order's place.

use tripline_engine::ids::{AccountId, ClientOrderId, VenueOrderId};
use tripline_engine::money::Quantity;

use super::amount::add;
use super::check::{Amount, Wanted};
use super::filters;
use super::instrument::Instrument;
use super::operation::{Operation, Report};
use super::order::{Amended, Amendment, CancelOrder, Canceled, Order, OrderRef};
use super::refusal::Refusal;
use super::terms::{CancelRestriction, ExecutionType, OrderStatus, SymbolStatus};

const MISMATCH: Refusal = Refusal::fixed(
    -2011,
    "Cancel order is invalid. Check origClOrdId and orderId.",
);

/// The open order that a cancel names, if the cancel's restriction lets it go.
fn cancelable(
    instrument: &Instrument,
    account: AccountId,
    cancel: &CancelOrder,
) -> Result<VenueOrderId, Refusal> {
    let order = instrument
        .store
        .find(account, &cancel.order, Refusal::UNKNOWN_ORDER, MISMATCH)?;
    if !order.status.is_open() {
        return Err(Refusal::UNKNOWN_ORDER);
    }
    let refused = match cancel.restriction {
        Some(CancelRestriction::OnlyNew) => order.status != OrderStatus::New,
        Some(CancelRestriction::OnlyPartiallyFilled) => {
            order.status != OrderStatus::PartiallyFilled
        }
        None => false,
    };
    if refused {
        Err(Refusal::CANCEL_RESTRICTED)
    } else {
        Ok(order.order_id)
    }
}

impl Operation<'_> {
    /// Cancels go through while the symbol trades, is halted, or takes cancels only.
    fn cancels_are_open(&self) -> Result<(), Refusal> {
        match self.instrument.rules.status {
            SymbolStatus::Trading | SymbolStatus::Halt | SymbolStatus::CancelOnly => Ok(()),
            SymbolStatus::Break | SymbolStatus::EndOfDay => Err(Refusal::MARKET_CLOSED),
        }
    }

    pub(super) fn cancel(
        &mut self,
        account: AccountId,
        cancel: &CancelOrder,
    ) -> Result<Canceled, Refusal> {
        self.cancels_are_open()?;
        let id = cancelable(self.instrument, account, cancel)?;
        let own = cancel
            .new_client_order_id
            .unwrap_or_else(|| self.client_ids.next_id());
        Ok(self.cancel_open(id, own))
    }

    /// Cancels an open order under the cancel's own client id.
    fn cancel_open(&mut self, id: VenueOrderId, cancel_client_order_id: ClientOrderId) -> Canceled {
        self.end(id, OrderStatus::Canceled, None);
        let order = self.instrument.store.known(id).clone();
        let report = Report {
            client_order_id: Some(cancel_client_order_id),
            orig_client_order_id: Some(order.client_order_id),
            ..Report::default()
        };
        self.report(id, ExecutionType::Canceled, report);
        Canceled {
            order,
            cancel_client_order_id,
            transact_time: self.now,
        }
    }

    /// Cancels all of an account's open orders under one client id, the oldest first.
    pub(super) fn cancel_all(&mut self, account: AccountId) -> Result<Vec<Canceled>, Refusal> {
        self.cancels_are_open()?;
        let open: Vec<_> = self
            .instrument
            .store
            .open(account)
            .map(|order| order.order_id)
            .collect();
        if open.is_empty() {
            return Err(Refusal::UNKNOWN_ORDER);
        }
        let own = self.client_ids.next_id();
        Ok(open
            .into_iter()
            .map(|id| self.cancel_open(id, own))
            .collect())
    }

    /// Lowers an open order's quantity; it keeps its number, its place in the queue and, unless a new
    /// one is given, gets a new client id.
    pub(super) fn amend(
        &mut self,
        account: AccountId,
        named: &OrderRef,
        new_client_order_id: Option<ClientOrderId>,
        new_qty: Quantity,
    ) -> Result<Amended, Refusal> {
        let unknown = Refusal::AMEND_UNKNOWN;
        let found =
            self.instrument
                .store
                .find(account, named, unknown, Refusal::CLIENT_ID_MISMATCH)?;
        let id = found.order_id;
        let before = found.clone();
        self.check_amend(&before, new_client_order_id, new_qty)?;
        let client = new_client_order_id.unwrap_or_else(|| self.client_ids.next_id());
        let now = self.now;
        let taken_off = before
            .quantity
            .saturating_sub(new_qty)
            .min(before.remaining());
        self.instrument.store.rename(id, client);
        self.instrument
            .book
            .reduce_order(before.side, before.price, id, taken_off);
        let order = self.instrument.store.known_mut(id);
        order.amends += 1;
        order.update_time = now;
        order.quantity = new_qty.max(add(before.executed_qty, before.prevented_qty));
        let nothing_left = order.remaining().is_zero();
        self.adjust_lock(id);
        let execution_id = self.report(
            id,
            ExecutionType::Replaced,
            Report {
                client_order_id: Some(client),
                orig_client_order_id: Some(before.client_order_id),
                ..Report::default()
            },
        );
        if nothing_left {
            self.expire(id, None);
        }
        let amendment = Amendment {
            symbol: before.symbol,
            order_id: id,
            execution_id,
            orig_client_order_id: before.client_order_id,
            new_client_order_id: client,
            orig_qty: before.quantity,
            new_qty,
            time: now,
        };
        self.instrument.store.add_amendment(amendment.clone());
        Ok(Amended {
            order: self.instrument.store.known(id).clone(),
            amendment,
        })
    }

    fn check_amend(
        &self,
        order: &Order,
        new_client_order_id: Option<ClientOrderId>,
        new_qty: Quantity,
    ) -> Result<(), Refusal> {
        let rules = &self.instrument.rules;
        if !rules.amend_allowed {
            return Err(Refusal::AMEND_UNSUPPORTED);
        }
        if rules.status != SymbolStatus::Trading {
            return Err(Refusal::MARKET_CLOSED);
        }
        if !order.status.is_open() {
            return Err(Refusal::AMEND_UNKNOWN);
        }
        if new_qty > order.quantity {
            return Err(Refusal::AMEND_INCREASE);
        }
        if new_qty == order.quantity {
            return Err(Refusal::AMEND_NO_CHANGE);
        }
        if rules
            .filters
            .max_num_order_amends
            .is_some_and(|most| order.amends >= most)
        {
            return Err(Refusal::AMEND_COUNT);
        }
        let client = new_client_order_id.filter(|client| *client != order.client_order_id);
        let taken = client
            .and_then(|client| self.instrument.store.by_client(order.account, client))
            .is_some_and(|other| other.status.is_open());
        if taken {
            return Err(Refusal::AMEND_DUPLICATE);
        }
        filters::quantity(&rules.filters, order.order_type, new_qty)?;
        let wanted = Wanted {
            amount: Amount::Base(new_qty),
            price: order.price,
            stop_price: order.stop_price,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
        };
        filters::notionals(&rules.filters, &wanted, &self.instrument.tape, self.now)
    }
}
