//! What the exchange tells, and its comparison with a journal.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use tripline_engine::ids::{Asset, ClientOrderId, StrategyId, Symbol};
use tripline_engine::journal::Filled;
use tripline_engine::order::Side;

use super::chronicle::Chronicle;

/// `/practice/record` of the one account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Record {
    pub orders: Vec<OrderRow>,
    balances: Vec<BalanceRow>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow {
    pub client_order_id: ClientOrderId,
    pub order_id: u64,
    symbol: Symbol,
    side: String,
    price: Decimal,
    orig_qty: Decimal,
    executed_qty: Decimal,
    status: String,
    pub fills: Vec<FillRow>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FillRow {
    pub id: u64,
    price: Decimal,
    qty: Decimal,
    quote_qty: Decimal,
    commission: Decimal,
    commission_asset: Asset,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct BalanceRow {
    asset: Asset,
    free: Decimal,
    locked: Decimal,
}

impl OrderRow {
    fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "NEW" | "PARTIALLY_FILLED")
    }
}

/// A fill, as both sides can tell it.
type Fill = (Symbol, u64, Side, ClientOrderId, [Decimal; 3], Asset);

/// Net quantity, cash flow and fees of a strategy's symbol.
type Position = (Decimal, Decimal, BTreeMap<Asset, Decimal>);

impl Record {
    pub fn read(answer: &Value) -> Self {
        let accounts = answer["accounts"].as_array().unwrap();
        assert_eq!(accounts.len(), 1);
        Self::deserialize(&accounts[0]).unwrap()
    }

    pub fn balances(&self) -> BTreeMap<Asset, Decimal> {
        let total = |row: &BalanceRow| (row.asset, row.free + row.locked);
        self.balances.iter().map(total).collect()
    }

    pub fn open(&self) -> usize {
        self.orders.iter().filter(|order| order.is_open()).count()
    }

    fn fills(&self) -> Vec<Fill> {
        let of = |order: &OrderRow, fill: &FillRow| {
            let side = if order.side == "BUY" {
                Side::Buy
            } else {
                Side::Sell
            };
            let numbers = [fill.price, fill.qty, fill.commission];
            let id = order.client_order_id;
            (
                order.symbol,
                fill.id,
                side,
                id,
                numbers,
                fill.commission_asset,
            )
        };
        let orders = self.orders.iter();
        let mut fills: Vec<_> = orders
            .flat_map(|order| order.fills.iter().map(move |fill| of(order, fill)))
            .collect();
        fills.sort_by_key(|fill| (fill.0, fill.1, fill.2 == Side::Buy));
        fills
    }

    fn positions(&self) -> BTreeMap<(StrategyId, Symbol), Position> {
        let mut positions = BTreeMap::<_, Position>::new();
        for order in &self.orders {
            let strategy = order.client_order_id.origin().unwrap().strategy;
            for fill in &order.fills {
                let (net, cash, fees) = positions.entry((strategy, order.symbol)).or_default();
                let sign = if order.side == "BUY" {
                    Decimal::ONE
                } else {
                    -Decimal::ONE
                };
                *net += sign * fill.qty;
                *cash -= sign * fill.quote_qty;
                if !fill.commission.is_zero() {
                    *fees.entry(fill.commission_asset).or_default() += fill.commission;
                }
            }
        }
        positions
    }

    /// What holds at every moment, also in the middle of a crash: no intent has two orders, every order is
    /// known to the journal, and none came through a halt.
    pub fn holds_against(&self, chronicle: &Chronicle) {
        let mut seen = BTreeSet::new();
        for order in &self.orders {
            let id = order.client_order_id;
            assert!(seen.insert(id), "{id} has two orders at the exchange");
            let Some((intent, halted)) = chronicle.intents.get(&id) else {
                panic!("{id} is at the exchange, and the journal does not know it");
            };
            assert!(!halted, "{id} went out through a halt");
            assert_eq!(
                (intent.terms.symbol, intent.terms.quantity.value()),
                (order.symbol, order.orig_qty),
                "{id}"
            );
        }
    }

    /// Nothing that was there before is gone: no order, and no fill.
    pub fn continues(&self, before: &Self) {
        let now: BTreeMap<_, _> = self
            .orders
            .iter()
            .map(|order| ((order.symbol, order.order_id), order))
            .collect();
        for order in &before.orders {
            let later = now[&(order.symbol, order.order_id)];
            assert_eq!(later.client_order_id, order.client_order_id);
            assert!(
                later.fills.starts_with(&order.fills),
                "{order:?} became {later:?}"
            );
        }
    }

    /// Once everything is quiet: open orders, fills, positions and balances are the same on both sides.
    pub fn equals(&self, chronicle: &Chronicle, initial: &BTreeMap<Asset, Decimal>) {
        self.holds_against(chronicle);
        let fills: Vec<Fill> = self.fills();
        assert_eq!(journalled(chronicle), fills, "fills");
        let open: BTreeMap<_, _> = self
            .orders
            .iter()
            .filter(|order| order.is_open())
            .map(|order| (order.client_order_id, (order.price, order.executed_qty)))
            .collect();
        let unsettled = chronicle.state.orders.unsettled().map(|memory| {
            let order = &memory.order;
            let price = order
                .terms
                .price
                .map_or(Decimal::ZERO, |price| price.value());
            (order.id, (price, order.executed().value()))
        });
        assert_eq!(unsettled.collect::<BTreeMap<_, _>>(), open, "open orders");
        assert_eq!(positions(chronicle), self.positions(), "positions");
        assert_eq!(chronicle.state.positions.incomplete().count(), 0);
        let mut expected = initial.clone();
        for (_, filled) in &chronicle.fills {
            count(&mut expected, filled);
        }
        assert_eq!(expected, self.balances(), "balances");
    }
}

fn journalled(chronicle: &Chronicle) -> Vec<Fill> {
    let of = |filled: &Filled| {
        let fill = &filled.fill;
        let numbers = [fill.price.value(), fill.quantity.value(), fill.fee];
        let asset = fill.fee_asset.expect("the practice exchange tells it");
        (
            filled.symbol,
            fill.trade_id.0,
            filled.side,
            filled.id,
            numbers,
            asset,
        )
    };
    let mut fills: Vec<_> = chronicle
        .fills
        .iter()
        .map(|(_, filled)| of(filled))
        .collect();
    fills.sort_by_key(|fill| (fill.0, fill.1, fill.2 == Side::Buy));
    fills
}

/// As the next run would begin with them.
fn positions(chronicle: &Chronicle) -> BTreeMap<(StrategyId, Symbol), Position> {
    let accounts: BTreeSet<_> = chronicle
        .fills
        .iter()
        .map(|(_, filled)| filled.account)
        .collect();
    let mut positions = BTreeMap::new();
    for account in accounts {
        for (strategy, position) in chronicle.state.positions.of(account).positions() {
            let shown = (
                position.net(),
                position.cash_flow(),
                position.fees().clone(),
            );
            positions.insert((strategy, position.symbol()), shown);
        }
    }
    positions
}

fn count(balances: &mut BTreeMap<Asset, Decimal>, filled: &Filled) {
    let (pair, fill) = (filled.pair.expect("the instrument is known"), &filled.fill);
    let sign = if filled.side == Side::Buy {
        Decimal::ONE
    } else {
        -Decimal::ONE
    };
    let mut add = |asset: Asset, amount: Decimal| *balances.entry(asset).or_default() += amount;
    add(pair.base, sign * fill.quantity.value());
    add(
        pair.quote,
        -sign * fill.price.value() * fill.quantity.value(),
    );
    add(fill.fee_asset.expect("it is told"), -fill.fee);
}
