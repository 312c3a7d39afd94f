//! Whether settings make an exchange.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use thiserror::Error;
use tripline_engine::ids::{AccountId, Asset, Symbol};

use super::amount::LIMIT;
use super::settings::Settings;

/// Why settings make no exchange.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    #[error("symbol {0} is listed twice")]
    SymbolTwice(Symbol),
    #[error("account {0} is listed twice")]
    AccountTwice(AccountId),
    #[error("{symbol} has {decimals} decimals of an asset; at most 8 are possible")]
    Precision { symbol: Symbol, decimals: u32 },
    #[error("account {account} starts with {amount} {asset}; it must be 0 to {LIMIT}")]
    Balance {
        account: AccountId,
        asset: Asset,
        amount: Decimal,
    },
    #[error("account {account} has a commission rate of {rate}; it must be 0 to less than 1")]
    Commission { account: AccountId, rate: Decimal },
}

impl Settings {
    /// # Errors
    /// The first thing in the settings that no exchange can be made of.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut symbols = BTreeSet::new();
        for each in &self.instruments {
            if !symbols.insert(each.symbol) {
                return Err(SettingsError::SymbolTwice(each.symbol));
            }
            let decimals = each.base_precision.max(each.quote_precision);
            if decimals > 8 {
                return Err(SettingsError::Precision {
                    symbol: each.symbol,
                    decimals,
                });
            }
        }
        let mut accounts = BTreeSet::new();
        for each in &self.accounts {
            let account = each.account;
            if !accounts.insert(account) {
                return Err(SettingsError::AccountTwice(account));
            }
            let possible = Decimal::ZERO..=LIMIT;
            if let Some((asset, amount)) = each
                .balances
                .iter()
                .find(|(_, amount)| !possible.contains(amount))
            {
                return Err(SettingsError::Balance {
                    account,
                    asset: *asset,
                    amount: *amount,
                });
            }
            let possible = Decimal::ZERO..Decimal::ONE;
            let rates = [each.commission.maker, each.commission.taker];
            if let Some(rate) = rates.into_iter().find(|rate| !possible.contains(rate)) {
                return Err(SettingsError::Commission { account, rate });
            }
        }
        Ok(())
    }
}
