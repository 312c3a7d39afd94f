//! What the journal tells of balances: what each account must hold, and what was found to differ from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::{BalancesTaken, Compared, Filled, Moved, Reconciled, Taken, Traded};
use crate::ids::AccountId;
use crate::position::{BalanceSheet, Drift};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct AccountMemory {
    sheet: BalanceSheet,
    told: Vec<Drift>,
}

/// The balances of every account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BalancesMemory {
    accounts: BTreeMap<AccountId, AccountMemory>,
}

impl BalancesMemory {
    /// What an account must hold; not begun before the venue's first word.
    #[must_use]
    pub fn sheet(&self, account: AccountId) -> BalanceSheet {
        let memory = self.accounts.get(&account);
        memory
            .map(|memory| memory.sheet.clone())
            .unwrap_or_default()
    }

    /// What differed when they were compared last.
    #[must_use]
    pub fn told(&self, account: AccountId) -> &[Drift] {
        let memory = self.accounts.get(&account);
        memory.map_or(&[], |memory| &memory.told)
    }

    fn of(&mut self, account: AccountId) -> &mut AccountMemory {
        self.accounts.entry(account).or_default()
    }

    // What cannot be counted was a fault when it happened, and the sheet stayed as it was.

    pub(super) fn filled(&mut self, filled: &Filled) {
        if let Some(pair) = filled.pair {
            let sheet = &mut self.of(filled.account).sheet;
            drop(sheet.fill(&pair, filled.side, &filled.fill));
        }
    }

    pub(super) fn traded(&mut self, traded: &Traded) {
        let (execution, sheet) = (&traded.execution, &mut self.of(traded.account).sheet);
        drop(sheet.fill(&traded.pair, execution.side, &execution.fill));
    }

    pub(super) fn moved(&mut self, moved: &Moved) {
        let sheet = &mut self.of(moved.account).sheet;
        drop(sheet.external(moved.asset, moved.change));
    }

    pub(super) fn taken(&mut self, taken: &BalancesTaken) {
        let sheet = &mut self.of(taken.account).sheet;
        match &taken.taken {
            Taken::First(found) => drop(sheet.begin(sheet.ask(), found, 0, taken.since)),
            Taken::Drifts(drifts) => drop(sheet.rebase(drifts, taken.since)),
        }
    }

    pub(super) fn reconciled(&mut self, reconciled: &Reconciled) {
        let told = match &reconciled.balances {
            Compared::Differ(drifts) => drifts.clone(),
            Compared::Begun | Compared::Equal | Compared::TakenOver(_) => Vec::new(),
            Compared::NotReached | Compared::Unclear(_) => return,
        };
        self.of(reconciled.account).told = told;
    }
}
