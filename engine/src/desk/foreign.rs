//! Orders on the account that this engine has not placed: those of a person, or of another program.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use crate::desk::sweep::Sweep;
use crate::desk::{Effect, OrderDesk};
use crate::fault::FaultKind;
use crate::halt::Scope;
use crate::ids::{ClientOrderId, StrategyId, Symbol, VenueOrderId};
use crate::instrument::OpenCounts;
use crate::journal::ForeignSeen;
use crate::messages::control::ForeignOrders;
use crate::messages::order::{OrderReport, ReportSource};
use crate::ports::{OrderRef, VenueError};
use crate::time::Timestamp;

/// Orders that are remembered as told.
const TOLD_KEPT: usize = 4096;

/// A cancel that was not answered by then is sent again.
const CANCEL_AGAIN: Duration = Duration::from_secs(2);

/// An order by the venue's own name.
pub(super) type Key = (Symbol, VenueOrderId);

pub(super) fn key(report: &OrderReport) -> Key {
    (report.symbol, report.venue_id)
}

#[derive(Debug)]
struct Foreign {
    report: OrderReport,
    /// The venue's time of the first that was heard of it.
    since: Timestamp,
    heard: Timestamp,
    cancel_sent: Option<Timestamp>,
    /// The venue would not cancel it: it has ended, most likely, and if not, the next list shows it again.
    ended: bool,
}

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Foreigners {
    policy: ForeignOrders,
    open: BTreeMap<Key, Foreign>,
    told: HashSet<Key>,
    oldest_told: VecDeque<Key>,
}

impl Foreigners {
    /// Whether it is the first time that the order is told.
    fn tell(&mut self, key: Key) -> bool {
        if !self.told.insert(key) {
            return false;
        }
        self.oldest_told.push_back(key);
        if self.oldest_told.len() > TOLD_KEPT
            && let Some(oldest) = self.oldest_told.pop_front()
        {
            self.told.remove(&oldest);
        }
        true
    }
}

impl OrderDesk {
    /// What is done about orders that this engine has not placed.
    pub fn foreign_policy(&mut self, policy: ForeignOrders) {
        self.foreigners.policy = policy;
    }

    /// Orders of others that are open, as they were seen last.
    pub fn foreign(&self) -> impl Iterator<Item = &OrderReport> {
        let open = self.foreigners.open.values();
        open.filter(|foreign| !foreign.ended)
            .map(|foreign| &foreign.report)
    }

    /// Takes what the venue shows of somebody else's order.
    pub(super) fn foreign_shown(
        &mut self,
        report: &OrderReport,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        self.hold_foreign(report, now, out);
        let is_open = !report.status.is_terminal();
        if is_open {
            self.foreign_is_open(report, now);
        } else {
            self.foreigners.open.remove(&key(report));
        }
        // What had ended before this engine looked is history.
        let is_news = is_open || report.source == ReportSource::Event;
        if is_news && self.foreigners.tell(key(report)) {
            self.tell_foreign(report, now, out);
        }
    }

    fn foreign_is_open(&mut self, report: &OrderReport, now: Timestamp) {
        let known = self.foreigners.open.get(&key(report));
        if known.is_some_and(|known| known.report.executed > report.executed) {
            return; // Older than what is known.
        }
        let foreign = Foreign {
            report: report.clone(),
            since: known.map_or(report.at, |known| known.since.min(report.at)),
            heard: now,
            cancel_sent: known.and_then(|known| known.cancel_sent.filter(|_| !known.ended)),
            ended: false,
        };
        self.foreigners.open.insert(key(report), foreign);
    }

    fn tell_foreign(&self, report: &OrderReport, now: Timestamp, out: &mut Vec<Effect>) {
        let (account, policy) = (self.account, self.foreigners.policy);
        let record = ForeignSeen {
            account,
            report: report.clone(),
            policy,
        };
        out.push(Effect::Record(record.into()));
        let what = described(report);
        if policy == ForeignOrders::Refuse {
            let detail = format!("{what} is not of this engine, and such orders are refused");
            return out.push(self.account_fault(FaultKind::ForeignOrder, detail, now));
        }
        out.push(Effect::Foreign { what, policy });
    }

    /// Forgets what a list of all open orders, asked for at `asked`, does not show.
    pub(super) fn foreign_listed(&mut self, listed: &HashSet<Key>, asked: Timestamp) {
        let open = &mut self.foreigners.open;
        open.retain(|key, foreign| foreign.heard >= asked || listed.contains(key));
    }

    /// Takes the refusal of a cancel of an order that is not ours.
    pub(super) fn foreign_cancel_refused(&mut self, id: ClientOrderId, error: &VenueError) {
        let is_gone = matches!(
            error,
            VenueError::Rejected { .. } | VenueError::UnknownOrder { .. }
        );
        for foreign in self.foreigners.open.values_mut() {
            foreign.ended |= is_gone && foreign.report.id == id;
        }
    }

    /// Cancels the orders of others that the sweep has to clear away.
    pub(super) fn cancel_foreign(&mut self, sweep: &Sweep, now: Timestamp, out: &mut Vec<Effect>) {
        let wanted: Vec<Key> = self.foreign_in(sweep).collect();
        for key in wanted {
            let Some(foreign) = self.foreigners.open.get_mut(&key) else {
                continue;
            };
            let waits = |sent: Timestamp| now.saturating_since(sent) < CANCEL_AGAIN;
            if !foreign.cancel_sent.is_some_and(waits) {
                foreign.cancel_sent = Some(now);
                out.push(Effect::Cancel(OrderRef {
                    symbol: key.0,
                    id: foreign.report.id,
                    venue_id: Some(key.1),
                }));
            }
        }
    }

    /// Orders of others that the sweep has to clear away: those that were there when it began. What a person
    /// places while it is halted is the person's business, and the engine's stop leaves all of them.
    pub(super) fn foreign_in(&self, sweep: &Sweep) -> impl Iterator<Item = Key> {
        let adopts = self.foreigners.policy == ForeignOrders::Adopt && sweep.incident.is_some();
        let open = self.foreigners.open.iter();
        let theirs = open.filter(move |(key, foreign)| {
            let early = foreign.since <= sweep.started && !foreign.ended;
            adopts && early && self.covers(&sweep.scope, None, Some(key.0))
        });
        theirs.map(|(key, _)| *key)
    }

    /// Whether the scope includes an order of no strategy that is here.
    pub(super) fn covers(
        &self,
        scope: &Scope,
        strategy: Option<StrategyId>,
        symbol: Option<Symbol>,
    ) -> bool {
        match scope {
            Scope::Strategy(id) => strategy == Some(*id),
            Scope::Instrument(of) => symbol == Some(*of),
            Scope::Account(id) => *id == self.account,
            Scope::Venue(id) => *id == self.venue,
            Scope::Global => true,
        }
    }

    /// Open orders of others count to the limits of an instrument as well.
    pub(super) fn count_foreign(&self, symbol: Symbol, counts: &mut OpenCounts) {
        for report in self.foreign().filter(|report| report.symbol == symbol) {
            let waits = report
                .terms
                .map(|terms| terms.order_type.needs_stop_price());
            counts.orders += 1;
            counts.algo_orders += u32::from(waits.unwrap_or_default());
        }
    }
}

/// The order in words.
fn described(report: &OrderReport) -> String {
    let side = report
        .side
        .map(|side| format!("{side} "))
        .unwrap_or_default();
    let price = report.terms.and_then(|terms| terms.price);
    let price = price.map(|price| format!(" at {price}"));
    format!(
        "order {} on {} ({side}{}{}, {} executed)",
        report.id,
        report.symbol,
        report.quantity,
        price.unwrap_or_default(),
        report.executed
    )
}
