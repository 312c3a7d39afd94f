//! The market's behaviour, seen through the exchange.

mod recorded;
mod replaying;
mod synthesizing;

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset, Symbol};
use tripline_engine::money::{Price, Quantity};

use super::*;
use crate::model::{
    AccountSettings, Commission, ExchangeFilters, Grid, InstrumentSettings, NewOrder, Order,
    OrderRef, Settings, Side,
};

pub const MINUTE: i64 = 60_000_000;

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn alice() -> AccountId {
    AccountId::new("alice").unwrap()
}

pub fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub fn start() -> Time {
    Time::from_millis(1_790_000_000_000)
}

/// Base, quote, tick, lot and starting price.
const SYMBOLS: [[&str; 5]; 5] = [
    ["BTC", "USDT", "0.01", "0.00001", "60000"],
    ["ETH", "USDT", "0.01", "0.0001", "3000"],
    ["ETH", "BTC", "0.00001", "0.0001", "0.05"],
    ["BNB", "USDT", "0.01", "0.001", "600"],
    ["EOS", "USDT", "0.0001", "0.1", "0.7"],
];

/// An exchange with five symbols and one rich account.
pub fn exchange() -> Exchange {
    let asset = |text| Asset::new(text).unwrap();
    let instruments = SYMBOLS
        .iter()
        .map(|[base, quote, tick, step, last]| {
            let grid = Grid {
                tick: price(tick),
                max_price: price("1000000"),
                step: quantity(step),
                max_quantity: quantity("900000"),
                max_market_quantity: quantity("90000"),
                min_notional: "0.0001".parse().unwrap(),
                max_notional: "9000000".parse().unwrap(),
            };
            let name = symbol(&format!("{base}{quote}"));
            let mut rules = InstrumentSettings::usual(asset(base), asset(quote), name, &grid);
            rules.last_price = Some(price(last));
            rules
        })
        .collect();
    let names = ["BTC", "ETH", "BNB", "EOS", "USDT"];
    let accounts = vec![AccountSettings {
        account: alice(),
        uid: 1,
        balances: names
            .map(|name| (asset(name), Decimal::from(10_000_000)))
            .to_vec(),
        commission: Commission {
            maker: Decimal::new(1, 3),
            taker: Decimal::new(1, 3),
        },
        can_trade: true,
        bnb_discount: None,
    }];
    let exchange_filters = ExchangeFilters::default();
    Exchange::new(
        Settings {
            instruments,
            accounts,
            exchange_filters,
            seed: 1,
        },
        start(),
    )
}

pub fn place(
    exchange: &mut Exchange,
    name: &str,
    side: Side,
    at: Price,
    size: &str,
    now: Time,
) -> Order {
    let order = NewOrder::limit(symbol(name), side, at, quantity(size));
    exchange.place(alice(), &order, now).unwrap().order
}

pub fn current(exchange: &Exchange, order: &Order) -> Order {
    let named = OrderRef::number(order.order_id);
    exchange
        .order(alice(), order.symbol, named)
        .unwrap()
        .clone()
}

pub fn best(exchange: &Exchange, name: &str) -> (Price, Price) {
    let depth = exchange.depth(symbol(name), 1).unwrap();
    (depth.bids[0].0, depth.asks[0].0)
}
