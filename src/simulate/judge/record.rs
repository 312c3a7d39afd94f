//! The exchange's own record, as far as the judge reads it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use tripline_engine::ids::{Asset, ClientOrderId, Symbol, TradeId};
use tripline_engine::messages::order::Fill;
use tripline_engine::order::OrderState;

#[derive(Debug, Deserialize)]
pub(in super::super) struct Record {
    arrivals: Vec<Arrival>,
    accounts: Vec<AccountRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arrival {
    operation: String,
    client_order_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AccountRecord {
    orders: Vec<OrderRecord>,
    #[serde(default)]
    balances: Vec<BalanceRecord>,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct BalanceRecord {
    pub(in super::super) asset: Asset,
    pub(in super::super) free: Decimal,
    pub(in super::super) locked: Decimal,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct OrderRecord {
    client_order_id: String,
    pub(in super::super) symbol: Symbol,
    side: String,
    pub(in super::super) status: String,
    pub(in super::super) orig_qty: Decimal,
    pub(in super::super) executed_qty: Decimal,
    pub(in super::super) fills: Vec<FillRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct FillRecord {
    pub(in super::super) id: u64,
    pub(in super::super) price: Decimal,
    pub(in super::super) qty: Decimal,
    /// Unix microseconds.
    pub(in super::super) time: i64,
    commission: Decimal,
    commission_asset: String,
}

/// What both sides tell of a fill: trade, price, quantity, fee and the fee's asset.
pub(in super::super) type FillFacts = (u64, Decimal, Decimal, Decimal, String);

impl FillRecord {
    pub(in super::super) fn facts(&self) -> FillFacts {
        let asset = self.commission_asset.clone();
        (self.id, self.price, self.qty, self.commission, asset)
    }
}

/// The facts of a fill as the engine has it.
pub(in super::super) fn facts(fill: &Fill) -> FillFacts {
    let TradeId(id) = fill.trade_id;
    let asset = fill.fee_asset.map(|asset| asset.to_string());
    let (price, quantity) = (fill.price.value(), fill.quantity.value());
    (id, price, quantity, fill.fee, asset.unwrap_or_default())
}

impl OrderRecord {
    pub(in super::super) fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "NEW" | "PARTIALLY_FILLED")
    }

    pub(in super::super) fn is_buy(&self) -> bool {
        self.side == "BUY"
    }

    pub(in super::super) fn state(&self) -> OrderState {
        match self.status.as_str() {
            "NEW" => OrderState::Working,
            "PARTIALLY_FILLED" => OrderState::PartiallyFilled,
            "FILLED" => OrderState::Filled,
            "CANCELED" => OrderState::Canceled,
            "EXPIRED" | "EXPIRED_IN_MATCH" => OrderState::Expired,
            _ => OrderState::Rejected,
        }
    }
}

/// What the record says, by the engine's own ids.
pub(in super::super) struct Case<'a> {
    pub(in super::super) orders: BTreeMap<ClientOrderId, Vec<&'a OrderRecord>>,
    /// How often each order's placement arrived.
    pub(in super::super) arrivals: BTreeMap<ClientOrderId, usize>,
    pub(in super::super) balances: Vec<&'a BalanceRecord>,
}

impl Record {
    /// # Errors
    /// What is not as the exchange's record should be.
    pub(in super::super) fn read(record: Value) -> Result<Self, String> {
        serde_json::from_value(record).map_err(|error| format!("the exchange's record: {error}"))
    }

    pub(in super::super) fn orders(&self) -> usize {
        self.all_orders().count()
    }

    pub(in super::super) fn fills(&self) -> usize {
        self.all_orders().map(|order| order.fills.len()).sum()
    }

    fn all_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.accounts.iter().flat_map(|account| &account.orders)
    }

    pub(in super::super) fn case(&self) -> Case<'_> {
        let mut orders: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for order in self.all_orders() {
            if let Ok(id) = ClientOrderId::new(&order.client_order_id) {
                orders.entry(id).or_default().push(order);
            }
        }
        let mut arrivals = BTreeMap::new();
        let placements = self
            .arrivals
            .iter()
            .filter(|arrival| arrival.operation == "order.place");
        for id in
            placements.filter_map(|one| ClientOrderId::new(one.client_order_id.as_deref()?).ok())
        {
            *arrivals.entry(id).or_default() += 1;
        }
        let accounts = self.accounts.iter();
        Case {
            orders,
            arrivals,
            balances: accounts.flat_map(|account| &account.balances).collect(),
        }
    }
}
