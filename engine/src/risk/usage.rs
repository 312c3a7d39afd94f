//! How much of the limits is used: for people who look.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::account::{Messages, Worth};
use super::loss::LossMark;
use super::state::RiskState;
use crate::ids::{Asset, StrategyId, Symbol};

/// What the rules have counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The asset that amounts of money are in; `None` while it is not clear.
    pub value_in: Option<Asset>,
    pub account: ScopeUsage,
    /// Orders of which nobody knows whether the venue has them.
    pub uncertain: u32,
    pub strategies: BTreeMap<StrategyId, ScopeUsage>,
    pub instruments: BTreeMap<Symbol, InstrumentUsage>,
}

/// Of the account or of a strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeUsage {
    pub open_orders: u32,
    pub gross_exposure: Decimal,
    /// If every buy order fills, and if every sell order fills.
    pub net_longest: Decimal,
    pub net_shortest: Decimal,
    /// Since the day began, UTC.
    pub orders_today: u32,
    pub cancels_today: u32,
    pub fills_today: u32,
    pub loss: Option<LossMark>,
}

/// Of an instrument, over all strategies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentUsage {
    pub open_orders: u32,
    /// Base asset.
    pub net: Decimal,
    /// What buy orders may still add, and sell orders take away, base asset.
    pub buys: Decimal,
    pub sells: Decimal,
}

fn usage(open: u32, worth: &Worth, messages: &Messages, loss: Option<LossMark>) -> ScopeUsage {
    let today = &messages.today;
    ScopeUsage {
        open_orders: open,
        gross_exposure: worth.gross.normalize(),
        net_longest: worth.up.normalize(),
        net_shortest: worth.down.normalize(),
        orders_today: today.orders,
        cancels_today: today.cancels,
        fills_today: today.fills,
        loss,
    }
}

impl RiskState {
    #[must_use]
    pub fn usage(&self) -> Usage {
        let account = &self.account;
        let strategies = self.strategies.iter().map(|(id, sums)| {
            let loss = sums.watch.mark;
            (*id, usage(sums.open, &sums.worth, &sums.messages, loss))
        });
        let instruments = self.instruments.iter().map(|(symbol, on)| {
            let used = InstrumentUsage {
                open_orders: on.cell.open,
                net: on.cell.net,
                buys: on.cell.buys.normalize(),
                sells: on.cell.sells.normalize(),
            };
            (*symbol, used)
        });
        let (worth, messages, loss) = (&account.worth, &account.messages, account.watch.mark);
        Usage {
            value_in: self.value_in(),
            account: usage(account.open, worth, messages, loss),
            uncertain: account.uncertain,
            strategies: strategies.collect(),
            instruments: instruments.collect(),
        }
    }
}
