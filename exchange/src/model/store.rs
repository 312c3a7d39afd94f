//! A symbol's orders, fills and prevented matches, and the ways to find them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tripline_engine::ids::{AccountId, ClientOrderId, VenueOrderId};
use tripline_engine::money::{Price, Quantity};

use super::amount::add;
use super::order::{Amendment, Fill, Order, PreventedMatch};
use super::refusal::Refusal;
use super::terms::{OrderType, Side};

/// How many finished orders of a symbol, fills of an account and prevented matches are remembered.
const HISTORY: usize = 200_000;

/// Open orders of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct OpenCount {
    pub orders: usize,
    /// Stop orders (the venue's "algo orders") among them.
    pub algo: usize,
}

/// On which side of the last price a stop order waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// Fires when the last price is at or above the stop price.
    Rising,
    /// Fires when the last price is at or below the stop price.
    Falling,
}

impl Trigger {
    /// Above the market wait STOP_LOSS BUY and TAKE_PROFIT SELL, below it the other two.
    pub const fn of(order_type: OrderType, side: Side) -> Self {
        match (order_type, side) {
            (OrderType::TakeProfit | OrderType::TakeProfitLimit, Side::Sell)
            | (OrderType::StopLoss | OrderType::StopLossLimit, Side::Buy) => Self::Rising,
            _ => Self::Falling,
        }
    }

    /// Whether a trade at `last` fires a stop at `stop`.
    pub fn fires(self, stop: Price, last: Price) -> bool {
        match self {
            Self::Rising => last >= stop,
            Self::Falling => last <= stop,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Store {
    orders: BTreeMap<VenueOrderId, Order>,
    /// The newest order with a client id.
    by_client: BTreeMap<(AccountId, ClientOrderId), VenueOrderId>,
    open: BTreeMap<AccountId, BTreeSet<VenueOrderId>>,
    finished: VecDeque<VenueOrderId>,
    rising: BTreeSet<(Price, VenueOrderId)>,
    falling: BTreeSet<(Price, VenueOrderId)>,
    fills: BTreeMap<AccountId, VecDeque<Fill>>,
    prevented: VecDeque<(AccountId, PreventedMatch)>,
    amendments: VecDeque<Amendment>,
}

fn keep<T>(rows: &mut VecDeque<T>, row: T) {
    if rows.len() == HISTORY {
        rows.pop_front();
    }
    rows.push_back(row);
}

impl Store {
    pub fn insert(&mut self, order: Order) {
        let id = order.order_id;
        self.by_client
            .insert((order.account, order.client_order_id), id);
        self.open.entry(order.account).or_default().insert(id);
        self.orders.insert(id, order);
    }

    pub fn get(&self, id: VenueOrderId) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// An order that the book, a stop or the operation under way refers to.
    pub fn known(&self, id: VenueOrderId) -> &Order {
        self.orders
            .get(&id)
            .expect("open orders are never forgotten")
    }

    /// See [`Store::known`].
    pub fn known_mut(&mut self, id: VenueOrderId) -> &mut Order {
        self.orders
            .get_mut(&id)
            .expect("open orders are never forgotten")
    }

    pub fn by_client(&self, account: AccountId, client: ClientOrderId) -> Option<&Order> {
        self.by_client
            .get(&(account, client))
            .and_then(|id| self.orders.get(id))
    }

    /// Gives an order another client id.
    pub fn rename(&mut self, id: VenueOrderId, client: ClientOrderId) {
        let order = self
            .orders
            .get_mut(&id)
            .expect("open orders are never forgotten");
        self.by_client
            .remove(&(order.account, order.client_order_id));
        order.client_order_id = client;
        self.by_client.insert((order.account, client), id);
    }

    /// Takes a finished order out of the open ones, and forgets the oldest beyond the history's length.
    pub fn finish(&mut self, id: VenueOrderId) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        if let Some(open) = self.open.get_mut(&order.account) {
            open.remove(&id);
        }
        self.rising.remove(&(order.stop_price, id));
        self.falling.remove(&(order.stop_price, id));
        self.finished.push_back(id);
        if self.finished.len() > HISTORY
            && let Some(oldest) = self.finished.pop_front()
            && let Some(old) = self.orders.remove(&oldest)
        {
            let key = (old.account, old.client_order_id);
            if self.by_client.get(&key) == Some(&oldest) {
                self.by_client.remove(&key);
            }
        }
    }

    pub fn open(&self, account: AccountId) -> impl Iterator<Item = &Order> + '_ {
        self.open
            .get(&account)
            .into_iter()
            .flatten()
            .filter_map(|id| self.orders.get(id))
    }

    pub fn open_everyone(&self) -> impl Iterator<Item = &Order> + '_ {
        self.open
            .values()
            .flatten()
            .filter_map(|id| self.orders.get(id))
    }

    pub fn all(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Order> + '_ {
        self.orders
            .values()
            .filter(move |order| order.account == account)
    }

    pub fn open_count(&self, account: AccountId) -> OpenCount {
        let algo = self
            .open(account)
            .filter(|order| order.order_type.is_stop())
            .count();
        OpenCount {
            orders: self.open.get(&account).map_or(0, BTreeSet::len),
            algo,
        }
    }

    /// What the account's open BUY orders can still buy.
    pub fn open_buy_quantity(&self, account: AccountId) -> Quantity {
        self.open(account)
            .filter(|order| order.side == Side::Buy)
            .fold(Quantity::ZERO, |sum, order| add(sum, order.remaining()))
    }

    pub fn wait(&mut self, trigger: Trigger, stop: Price, id: VenueOrderId) {
        match trigger {
            Trigger::Rising => self.rising.insert((stop, id)),
            Trigger::Falling => self.falling.insert((stop, id)),
        };
    }

    /// Takes out the next stop order that a trade between `low` and `high` fires: the first reached,
    /// and of several at one price the oldest.
    pub fn take_due(&mut self, low: Price, high: Price) -> Option<VenueOrderId> {
        if let Some(due) = self
            .rising
            .first()
            .copied()
            .filter(|(stop, _)| *stop <= high)
        {
            self.rising.remove(&due);
            return Some(due.1);
        }
        let stop = self
            .falling
            .last()
            .map(|(stop, _)| *stop)
            .filter(|stop| *stop >= low)?;
        let due = self
            .falling
            .range((stop, VenueOrderId(0))..)
            .next()
            .copied()?;
        self.falling.remove(&due);
        Some(due.1)
    }

    pub fn add_fill(&mut self, account: AccountId, fill: Fill) {
        keep(self.fills.entry(account).or_default(), fill);
    }

    pub fn fills(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Fill> + '_ {
        self.fills.get(&account).into_iter().flatten()
    }

    pub fn add_prevented(&mut self, account: AccountId, prevented: PreventedMatch) {
        keep(&mut self.prevented, (account, prevented));
    }

    pub fn prevented(
        &self,
        account: AccountId,
    ) -> impl DoubleEndedIterator<Item = &PreventedMatch> + '_ {
        self.prevented
            .iter()
            .filter(move |(owner, _)| *owner == account)
            .map(|(_, row)| row)
    }

    pub fn add_amendment(&mut self, amendment: Amendment) {
        keep(&mut self.amendments, amendment);
    }

    pub fn amendments(&self, id: VenueOrderId) -> impl Iterator<Item = &Amendment> + '_ {
        self.amendments.iter().filter(move |row| row.order_id == id)
    }

    /// The order that a query names (Binance: found by number, then the client id must fit).
    pub fn find(
        &self,
        account: AccountId,
        order: &super::order::OrderRef,
        unknown: Refusal,
        mismatch: Refusal,
    ) -> Result<&Order, Refusal> {
        let found = match (order.order_id, order.client_order_id) {
            (Some(id), _) => self.get(id).filter(|found| found.account == account),
            (None, Some(client)) => self.by_client(account, client),
            (None, None) => return Err(Refusal::no_order_named("origClientOrderId", "orderId")),
        }
        .ok_or(unknown)?;
        if order
            .client_order_id
            .is_some_and(|client| client != found.client_order_id)
        {
            return Err(mismatch);
        }
        Ok(found)
    }
}
