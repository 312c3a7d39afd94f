//! What the account must hold: the venue's first word, and since then every fill, of ours and of others, and
//! every movement from outside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rust_decimal::Decimal;

use crate::desk::{Effect, OrderDesk};
use crate::fault::FaultKind;
use crate::ids::{Asset, ClientOrderId, Symbol, VenueOrderId};
use crate::instrument::Instrument;
use crate::journal::{Moved, Occasion, Traded};
use crate::messages::account::{AccountBalances, Balance, BalanceMoved, BalancesChanged};
use crate::messages::order::{Execution, Fill, OrderReport};
use crate::order::OrderState;
use crate::ports::VenueError;
use crate::position::{BalanceSheet, Drift, Pair};
use crate::time::Timestamp;

/// How long after a failure the venue is asked again what an instrument is.
const LEARN_AGAIN: Duration = Duration::from_secs(5);

/// Movements from outside that are remembered: two connections that overlap tell each twice.
const MOVEMENTS_KEPT: usize = 64;

/// What is known of the account's balances.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    pub(super) sheet: BalanceSheet,
    /// The newest word on each asset, with the venue's time of it.
    shown: BTreeMap<Asset, (Timestamp, Balance)>,
    /// The venue's time of the newest event.
    pub(super) heard: Timestamp,
    moved: VecDeque<(Asset, Decimal, Timestamp)>,
    /// Assets that are not held against anything.
    pub(super) unwatched: BTreeSet<Asset>,
    /// Instruments of others' orders, which no strategy here trades.
    pairs: BTreeMap<Symbol, Pair>,
    /// Executions on instruments that are being asked for.
    parked: BTreeMap<Symbol, Vec<Execution>>,
    /// What was found to differ when it was compared last, also by an earlier run.
    pub(super) told: Vec<Drift>,
    /// That was told by this run.
    pub(super) told_here: bool,
}

impl Holdings {
    /// Instruments on which something was traded that does not count yet.
    pub(super) fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Keeps what is not older than what is known; returns what was kept.
    fn show(&mut self, balances: &[Balance], at: Timestamp) -> Vec<Balance> {
        let fresh = balances.iter().filter(|balance| {
            let known = self.shown.get(&balance.asset);
            known.is_none_or(|(shown, _)| *shown <= at)
        });
        let fresh: Vec<Balance> = fresh.copied().collect();
        for balance in &fresh {
            self.shown.insert(balance.asset, (at, *balance));
        }
        fresh
    }

    /// As [`Self::show`] for all assets: what is not listed is zero. Returns all that is known.
    fn show_all(&mut self, balances: &[Balance], at: Timestamp) -> Vec<Balance> {
        let unlisted = |asset: &&Asset| !balances.iter().any(|balance| balance.asset == **asset);
        let zero = |asset: &Asset| Balance {
            asset: *asset,
            free: Decimal::ZERO,
            locked: Decimal::ZERO,
        };
        let gone: Vec<Balance> = self.shown.keys().filter(unlisted).map(zero).collect();
        self.show(balances, at);
        self.show(&gone, at);
        self.shown.values().map(|(_, balance)| *balance).collect()
    }
}

impl OrderDesk {
    /// Assets that move without word of the venue, such as those of a product that earns interest: what is
    /// there of them is not held against anything.
    pub fn unwatched(&mut self, assets: BTreeSet<Asset>) {
        self.holdings.unwatched = assets;
    }

    /// What the account must hold, free and locked together; `None` before the venue's first word.
    #[must_use]
    pub fn expected_balances(&self) -> Option<&BTreeMap<Asset, Decimal>> {
        self.holdings.sheet.expected()
    }

    /// Takes what the private stream shows of some balances, as they were at this time of the venue. A time that
    /// has not come yet is of a clock that was ahead, and must not outlast it.
    pub fn balances_shown(
        &mut self,
        balances: &[Balance],
        at: Timestamp,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let at = at.min(now);
        self.holdings.heard = self.holdings.heard.max(at);
        let fresh = self.holdings.show(balances, at);
        if !fresh.is_empty() {
            out.push(self.balances_changed(fresh, false, at));
        }
    }

    /// Takes a complete reading of the balances, asked for at `asked`.
    pub(super) fn balances_read(
        &mut self,
        reading: &AccountBalances,
        asked: Timestamp,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let at = reading.updated.unwrap_or(asked).min(now);
        let all = self.holdings.show_all(&reading.balances, at);
        out.push(self.balances_changed(all, true, at));
    }

    fn balances_changed(&self, balances: Vec<Balance>, complete: bool, at: Timestamp) -> Effect {
        Effect::Balances(BalancesChanged {
            account: self.account,
            balances,
            complete,
            at,
        })
    }

    /// Takes a movement from outside.
    pub fn moved(&mut self, moved: &BalanceMoved, now: Timestamp, out: &mut Vec<Effect>) {
        let BalanceMoved {
            account,
            asset,
            change,
            at,
        } = *moved;
        if change.is_zero() {
            // Locked or released from outside: no total moves, but it must be asked what is free.
            self.holdings.sheet.touched();
            if !self.is_reconciling() && self.private_stream_up {
                self.reconcile(Occasion::Periodic, now, out);
            }
            return;
        }
        let movement = (asset, change, at);
        if self.holdings.moved.contains(&movement) {
            return;
        }
        self.holdings.moved.push_back(movement);
        if self.holdings.moved.len() > MOVEMENTS_KEPT {
            self.holdings.moved.pop_front();
        }
        out.push(Effect::Record(
            Moved {
                account,
                asset,
                change,
                at,
            }
            .into(),
        ));
        if let Err(error) = self.holdings.sheet.external(asset, change) {
            let detail = format!("{change} {asset} from outside: {error}");
            out.push(self.account_fault(FaultKind::BalanceDrift, detail, now));
        }
    }

    pub(super) fn pair(&self, symbol: Symbol) -> Option<Pair> {
        let known = self.instruments.get(&symbol).map(Pair::of);
        known.or_else(|| self.holdings.pairs.get(&symbol).copied())
    }

    /// Counts the fills of an order of ours, which the journal has been told of already.
    pub(super) fn hold_own(&mut self, id: ClientOrderId, fills: &[Fill], out: &mut Vec<Effect>) {
        let Some(order) = self.order(&id) else {
            return;
        };
        let (symbol, side, now) = (order.terms.symbol, order.terms.side, order.updated);
        let Some(pair) = self.pair(symbol) else {
            // Of an earlier run, on an instrument that no strategy trades any more.
            let order = order.venue_id.unwrap_or(VenueOrderId(0));
            let fills = fills.iter().cloned();
            let executions = fills.map(|fill| Execution { order, side, fill });
            return self.hold(symbol, executions.collect(), now, out);
        };
        for fill in fills {
            // What cannot be counted cannot be counted into the positions either, which is a fault.
            drop(self.holdings.sheet.fill(&pair, side, fill));
        }
    }

    /// Counts the fills that a report of somebody else's order carries.
    pub(super) fn hold_foreign(
        &mut self,
        report: &OrderReport,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(side) = report.side else {
            return;
        };
        let executions = report.fills.iter().map(|fill| Execution {
            order: report.venue_id,
            side,
            fill: fill.clone(),
        });
        let executions: Vec<_> = executions.collect();
        if !executions.is_empty() {
            self.hold(report.symbol, executions, now, out);
        }
    }

    /// Counts executions of whomever, and has the journal take those that are news.
    pub(super) fn hold(
        &mut self,
        symbol: Symbol,
        executions: Vec<Execution>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(pair) = self.pair(symbol) else {
            let first = !self.holdings.parked.contains_key(&symbol);
            let parked = self.holdings.parked.entry(symbol).or_default();
            for execution in executions {
                if !parked.contains(&execution) {
                    parked.push(execution);
                }
            }
            if first {
                let after = Duration::ZERO;
                out.push(Effect::Learn { symbol, after });
            }
            return;
        };
        for execution in executions {
            let Execution { side, fill, .. } = &execution;
            let sheet = &mut self.holdings.sheet;
            let known = sheet.knows(&pair, *side, fill);
            match sheet.fill(&pair, *side, fill) {
                Ok(_) if known => {}
                Ok(_) => {
                    let (account, venue) = (self.account, self.venue);
                    let record = Traded {
                        account,
                        venue,
                        pair,
                        execution,
                    };
                    out.push(Effect::Record(record.into()));
                }
                Err(error) => {
                    let detail = error.to_string();
                    out.push(self.account_fault(FaultKind::PositionUncertain, detail, now));
                }
            }
        }
    }

    /// Takes the answer to [`Effect::Learn`].
    pub fn learnt(
        &mut self,
        symbol: Symbol,
        answer: Result<Vec<Instrument>, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let known = answer.unwrap_or_default(); // Asked again below.
        let known = known.iter().find(|known| known.symbol == symbol);
        let Some(instrument) = known else {
            let after = LEARN_AGAIN;
            return out.push(Effect::Learn { symbol, after });
        };
        self.holdings.pairs.insert(symbol, Pair::of(instrument));
        let parked = self.holdings.parked.remove(&symbol).unwrap_or_default();
        self.hold(symbol, parked, now, out);
        self.advance(now, out);
    }

    /// Orders of which fills are known to be missing, or may be.
    pub(super) fn missing(&self) -> usize {
        let unsettled = self.unsettled.iter().filter_map(|id| self.order(id));
        let missing =
            unsettled.filter(|order| order.state == OrderState::Uncertain || order.misses_fills());
        missing.count() + self.holdings.parked()
    }
}
