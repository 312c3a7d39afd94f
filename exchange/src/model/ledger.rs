//! Who owns what: the accounts' free and locked funds, the fees taken, and what the market's own
//! liquidity gained or gave. Every movement has two ends, so the total of an asset never changes.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset};

use super::amount::LIMIT;
use super::event::{AccountPosition, Balance};
use super::refusal::Refusal;
use super::settings::AccountSettings;
use super::terms::Time;
use super::views::{AccountView, AssetTotal};

#[derive(Debug, Clone, Copy, Default)]
struct Funds {
    free: Decimal,
    locked: Decimal,
}

#[derive(Debug)]
pub(super) struct Account {
    pub settings: AccountSettings,
    funds: BTreeMap<Asset, Funds>,
    /// Assets that the operation under way may have changed.
    touched: BTreeSet<Asset>,
    update_time: Time,
}

impl Account {
    fn new(settings: AccountSettings, now: Time) -> Self {
        let mut funds = BTreeMap::<Asset, Funds>::new();
        for (asset, amount) in &settings.balances {
            funds.entry(*asset).or_default().free += amount;
        }
        Self {
            settings,
            funds,
            touched: BTreeSet::new(),
            update_time: now,
        }
    }

    fn touch(&mut self, asset: Asset) -> &mut Funds {
        self.touched.insert(asset);
        self.funds.entry(asset).or_default()
    }

    fn balance(&self, asset: Asset) -> Balance {
        let funds = self.funds.get(&asset).copied().unwrap_or_default();
        Balance {
            asset,
            free: funds.free,
            locked: funds.locked,
        }
    }
}

#[derive(Debug)]
pub(super) struct Ledger {
    accounts: BTreeMap<AccountId, Account>,
    fees: BTreeMap<Asset, Decimal>,
    market: BTreeMap<Asset, Decimal>,
}

impl Ledger {
    pub fn new(accounts: &[AccountSettings], now: Time) -> Self {
        let accounts = accounts
            .iter()
            .map(|each| (each.account, Account::new(each.clone(), now)))
            .collect();
        Self {
            accounts,
            fees: BTreeMap::new(),
            market: BTreeMap::new(),
        }
    }

    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.accounts.keys().copied()
    }

    pub fn get(&self, account: AccountId) -> Result<&Account, Refusal> {
        self.accounts.get(&account).ok_or(Refusal::UNAUTHORIZED)
    }

    pub fn get_mut(&mut self, account: AccountId) -> Result<&mut Account, Refusal> {
        self.accounts.get_mut(&account).ok_or(Refusal::UNAUTHORIZED)
    }

    /// An account that has an order, and so exists.
    fn owner(&mut self, account: AccountId) -> &mut Account {
        self.accounts
            .get_mut(&account)
            .expect("only a known account can place the order")
    }

    pub fn balance(&self, account: AccountId, asset: Asset) -> Balance {
        self.accounts.get(&account).map_or(
            Balance {
                asset,
                free: Decimal::ZERO,
                locked: Decimal::ZERO,
            },
            |account| account.balance(asset),
        )
    }

    /// Moves free funds to locked ones; `false`, and nothing moved, if not enough are free.
    pub fn lock(&mut self, account: AccountId, asset: Asset, amount: Decimal) -> bool {
        let owner = self.owner(account);
        if owner.balance(asset).free < amount {
            return false;
        }
        let funds = owner.touch(asset);
        funds.free -= amount;
        funds.locked += amount;
        true
    }

    pub fn unlock(&mut self, account: AccountId, asset: Asset, amount: Decimal) {
        let funds = self.owner(account).touch(asset);
        funds.locked -= amount;
        funds.free += amount;
    }

    /// Takes locked funds out of the account: one end of a trade.
    pub fn pay(&mut self, account: AccountId, asset: Asset, amount: Decimal) {
        self.owner(account).touch(asset).locked -= amount;
    }

    /// Adds free funds to the account: the other end of a trade.
    pub fn receive(&mut self, account: AccountId, asset: Asset, amount: Decimal) {
        self.owner(account).touch(asset).free += amount;
    }

    /// Moves commission from the account's free funds to the exchange.
    pub fn charge(&mut self, account: AccountId, asset: Asset, amount: Decimal) {
        self.owner(account).touch(asset).free -= amount;
        *self.fees.entry(asset).or_default() += amount;
    }

    /// What the market's own liquidity gained or (below zero) gave in a trade.
    pub fn market_gained(&mut self, asset: Asset, amount: Decimal) {
        *self.market.entry(asset).or_default() += amount;
    }

    /// Adds or (below zero) takes away free funds from outside; `false` if that
    /// would leave less than nothing or more than an account can hold.
    pub fn deposit(
        &mut self,
        account: AccountId,
        asset: Asset,
        delta: Decimal,
    ) -> Result<bool, Refusal> {
        let owner = self.get_mut(account)?;
        let after = owner.balance(asset).free + delta;
        if after < Decimal::ZERO || after > LIMIT {
            return Ok(false);
        }
        owner.touch(asset).free = after;
        Ok(true)
    }

    /// The positions of the accounts that the operation touched, by account and asset.
    pub fn take_positions(&mut self, now: Time) -> Vec<AccountPosition> {
        let mut positions = Vec::new();
        for (id, account) in &mut self.accounts {
            if account.touched.is_empty() {
                continue;
            }
            account.update_time = now;
            let touched = std::mem::take(&mut account.touched);
            let balances = touched
                .into_iter()
                .map(|asset| account.balance(asset))
                .collect();
            positions.push(AccountPosition {
                account: *id,
                balances,
                time: now,
            });
        }
        positions
    }

    pub fn view(&self, account: AccountId) -> Result<AccountView, Refusal> {
        let known = self.get(account)?;
        Ok(AccountView {
            account,
            uid: known.settings.uid,
            can_trade: known.settings.can_trade,
            commission: known.settings.commission,
            bnb_discount: known.settings.bnb_discount,
            balances: known
                .funds
                .keys()
                .map(|asset| known.balance(*asset))
                .collect(),
            update_time: known.update_time,
        })
    }

    pub fn total(&self, asset: Asset) -> AssetTotal {
        let of = |pot: &BTreeMap<Asset, Decimal>| pot.get(&asset).copied().unwrap_or_default();
        let accounts = self.accounts.values().map(|account| {
            let balance = account.balance(asset);
            balance.free + balance.locked
        });
        AssetTotal {
            accounts: accounts.sum(),
            fees: of(&self.fees),
            market: of(&self.market),
        }
    }
}
