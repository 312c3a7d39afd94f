//! Balances and executions of the account, as Binance answers `account` and `myTrades`.

use rust_decimal::Decimal;
use serde::Deserialize;
use tripline_engine::ids::{Asset, TradeId, VenueOrderId};
use tripline_engine::messages::account::{AccountBalances, Balance};
use tripline_engine::messages::order::{Execution, Fill};
use tripline_engine::money::{Price, Quantity};
use tripline_engine::order::Side;
use tripline_engine::time::Timestamp;

use super::decode::{DecodeError, from_json};
use super::order::decimal;
use super::time::{Stamp, TimeUnit};

#[derive(Debug, Deserialize)]
struct BalanceJson {
    asset: Asset,
    #[serde(deserialize_with = "decimal")]
    free: Decimal,
    #[serde(deserialize_with = "decimal")]
    locked: Decimal,
}

/// What of `account` is used here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountJson {
    can_trade: bool,
    update_time: Option<Stamp>,
    balances: Vec<BalanceJson>,
}

/// The account as the venue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whether the key may trade on this account.
    pub can_trade: bool,
    /// Every asset that the answer lists.
    pub balances: Vec<Balance>,
    /// The last change of the account that is in them, where the answer tells it.
    pub updated: Option<Timestamp>,
}

impl Account {
    #[must_use]
    pub fn into_balances(self) -> AccountBalances {
        AccountBalances {
            balances: self.balances,
            updated: self.updated,
        }
    }
}

/// Reads the answer to `account`, its time in this unit.
///
/// # Errors
/// [`DecodeError`] for another structure.
pub fn account(text: &str, unit: TimeUnit) -> Result<Account, DecodeError> {
    let account: AccountJson = from_json("account", text)?;
    let updated = account.update_time.and_then(|stamp| stamp.if_any(unit));
    let balances = account.balances.into_iter().map(|balance| Balance {
        asset: balance.asset,
        free: balance.free,
        locked: balance.locked,
    });
    Ok(Account {
        can_trade: account.can_trade,
        balances: balances.collect(),
        updated,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TradeJson {
    id: TradeId,
    order_id: VenueOrderId,
    price: Price,
    qty: Quantity,
    #[serde(deserialize_with = "decimal")]
    commission: Decimal,
    commission_asset: Option<Asset>,
    time: Stamp,
    is_buyer: bool,
    is_maker: bool,
}

/// Reads the answer to `myTrades`: the executions, oldest first, their times in this unit.
///
/// # Errors
/// [`DecodeError`] for another structure.
pub fn trades(text: &str, unit: TimeUnit) -> Result<Vec<Execution>, DecodeError> {
    const WHAT: &str = "list of executions";
    let trades: Vec<TradeJson> = from_json(WHAT, text)?;
    let fills = trades.into_iter().map(|trade| {
        let at = trade.time.at("time", unit);
        let fill = Fill {
            trade_id: trade.id,
            price: trade.price,
            quantity: trade.qty,
            fee: trade.commission,
            fee_asset: trade.commission_asset,
            maker: Some(trade.is_maker),
            at: at.map_err(|reason| DecodeError::new(WHAT, reason, text))?,
            recovered: true,
        };
        let side = if trade.is_buyer {
            Side::Buy
        } else {
            Side::Sell
        };
        Ok(Execution {
            order: trade.order_id,
            side,
            fill,
        })
    });
    fills.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_keep_their_decimals_and_a_number_that_is_no_text_is_refused() {
        let text = r#"{"makerCommission":15,"commissionRates":{"maker":"0.00150000"},"canTrade":true,"updateTime":1790000000123,"accountType":"SPOT","balances":[{"asset":"BTC","free":"4723846.89208129","locked":"0.00000000"}],"permissions":["SPOT"],"uid":354937868}"#;
        let account = account(text, TimeUnit::Millisecond).unwrap();
        let updated = Timestamp::from_millis(1_790_000_000_123);
        assert_eq!(account.updated, Some(updated));
        assert_eq!(account.balances[0].free.to_string(), "4723846.89208129");
        let changed = text.replace("\"4723846.89208129\"", "4723846.89208129");
        let error = super::account(&changed, TimeUnit::Millisecond)
            .unwrap_err()
            .to_string();
        assert!(error.contains("a decimal in quotes"), "{error}");
    }

    #[test]
    fn executions_carry_their_order_and_whether_they_rested() {
        let text = r#"[{"symbol":"BNBBTC","id":28457,"orderId":100234,"orderListId":-1,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","commission":"10.10000000","commissionAsset":"BNB","time":1499865549590,"isBuyer":true,"isMaker":false,"isBestMatch":true}]"#;
        let Execution { order, side, fill } =
            trades(text, TimeUnit::Millisecond).unwrap().remove(0);
        assert_eq!(side, Side::Buy);
        assert_eq!(
            (order, fill.trade_id, fill.maker),
            (VenueOrderId(100_234), TradeId(28_457), Some(false))
        );
        assert!(fill.recovered);
        assert_eq!(fill.at, Timestamp::from_millis(1_499_865_549_590));
        let damaged = text.replace("28457", "-1");
        assert!(trades(&damaged, TimeUnit::Millisecond).is_err());
        assert!(trades(text, TimeUnit::Microsecond).is_err());
    }
}
