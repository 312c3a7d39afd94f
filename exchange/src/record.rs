//! The exchange's own record of what arrived: what a judge compares a client's beliefs with.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use crate::api::{Request, render};
use crate::core::Core;
use crate::faults::Transport;
use crate::model::{Fill, OrderRef, TradesQuery, Window};
use crate::wire::render::{TimeUnit, amount};
use tripline_engine::ids::{AccountId, ClientOrderId, Symbol, VenueOrderId};

/// One order request that reached the exchange with a valid signature.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Unix microseconds.
    pub time_us: i64,
    pub operation: &'static str,
    pub transport: Transport,
    pub symbol: Option<String>,
    pub client_order_id: Option<String>,
    pub side: Option<String>,
    pub price: Option<String>,
    pub quantity: Option<String>,
    /// Microseconds since the symbol's best prices were last sent to anybody: tick to order, by the
    /// exchange's own clock.
    pub since_tick_us: Option<i64>,
}

/// How many arrivals are remembered; as many as finished orders of a symbol.
const HISTORY: usize = 200_000;

/// The newest order requests, and how many there were since the start.
#[derive(Debug, Default)]
pub struct Record {
    arrivals: VecDeque<Arrival>,
    count: u64,
}

impl Record {
    pub fn arrived(&mut self, request: &Request<'_>, time_us: i64, tick_us: Option<i64>) {
        let text = |name: &str| request.params.get(name).map(str::to_owned);
        if self.arrivals.len() == HISTORY {
            self.arrivals.pop_front();
        }
        self.count += 1;
        self.arrivals.push_back(Arrival {
            time_us,
            operation: request.operation.name,
            transport: request.transport,
            symbol: text("symbol"),
            client_order_id: text("newClientOrderId"),
            side: text("side"),
            price: text("price"),
            quantity: text("quantity"),
            since_tick_us: tick_us.map(|tick_us| time_us - tick_us),
        });
    }
}

/// `GET /practice/record`: arrivals in order, and per account orders with their fills, what is open, and
/// the balances.
pub fn report(core: &Core) -> Value {
    let record = core.record.borrow();
    let accounts = core.accounts();
    json!({
        "timeUs": core.now_us(),
        "orderRequests": record.count,
        "arrivals": record.arrivals.iter().map(|one| arrival(core, &accounts, one)).collect::<Value>(),
        "accounts": accounts.iter().map(|account| account_report(core, *account)).collect::<Value>(),
    })
}

/// What is open, of every account.
pub fn open_orders(core: &Core) -> Value {
    let model = core.model.borrow();
    let accounts = core.accounts().into_iter();
    accounts
        .flat_map(|account| model.open_orders(account, None).unwrap_or_default())
        .map(|order| render::order(order, TimeUnit::Microsecond))
        .collect()
}

fn arrival(core: &Core, accounts: &[AccountId], one: &Arrival) -> Value {
    let model = core.model.borrow();
    let named = one
        .client_order_id
        .as_deref()
        .and_then(|id| ClientOrderId::new(id).ok());
    let symbol = one
        .symbol
        .as_deref()
        .and_then(|name| Symbol::new(name).ok());
    let found = named.zip(symbol).and_then(|(id, symbol)| {
        accounts
            .iter()
            .find_map(|account| model.order(*account, symbol, OrderRef::client(id)).ok())
    });
    json!({
        "timeUs": one.time_us,
        "operation": one.operation,
        "transport": one.transport,
        "symbol": one.symbol,
        "clientOrderId": one.client_order_id,
        "side": one.side,
        "price": one.price,
        "quantity": one.quantity,
        "sinceTickUs": one.since_tick_us,
        "orderId": found.map(|order| order.order_id),
        "status": found.map(|order| order.status.as_str()),
    })
}

fn account_report(core: &Core, account: AccountId) -> Value {
    let model = core.model.borrow();
    let all = Window::newest(usize::MAX);
    let mut orders = Vec::new();
    for symbol in model.symbols() {
        let found = model.all_orders(account, symbol, all).unwrap_or_default();
        let fills = model
            .my_trades(
                account,
                symbol,
                TradesQuery {
                    order_id: None,
                    window: all,
                },
            )
            .unwrap_or_default();
        let mut by_order: HashMap<VenueOrderId, Vec<&Fill>> = HashMap::new();
        for fill in fills {
            by_order.entry(fill.order_id).or_default().push(fill);
        }
        for order in found {
            let mut row = render::order(order, TimeUnit::Microsecond);
            let own = by_order.remove(&order.order_id).unwrap_or_default();
            row["fills"] = own
                .into_iter()
                .map(|fill| render::my_trade(fill, TimeUnit::Microsecond))
                .collect();
            orders.push(row);
        }
    }
    let open = model.open_orders(account, None).unwrap_or_default();
    let balances = model
        .account(account)
        .map(|view| view.balances)
        .unwrap_or_default();
    let balance = |one: &crate::model::Balance| json!({"asset": one.asset, "free": amount(one.free), "locked": amount(one.locked)});
    json!({
        "account": account,
        "orders": orders,
        "openOrders": open.iter().map(|order| render::order(order, TimeUnit::Microsecond)).collect::<Value>(),
        "balances": balances.iter().map(balance).collect::<Value>(),
        "userDataStreams": core.users.count(account),
    })
}
