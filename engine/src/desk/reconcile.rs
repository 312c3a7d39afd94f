//! Reconciliation: what this side believes is held against what the venue shows, round after round, until
//! a whole round shows no difference. A question that fails is asked again: it never counts as "none".

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use crate::desk::compare::Looking;
use crate::desk::entry::delay;
use crate::desk::lost::LISTS_AT_ONCE;
use crate::desk::{Effect, OrderDesk};
use crate::fault::FaultKind;
use crate::ids::{ClientOrderId, Symbol};
use crate::journal::{Compared, Occasion, Reconciled, Reconciliation};
use crate::messages::account::AccountBalances;
use crate::messages::order::{Execution, OrderReport};
use crate::order::OrderState;
use crate::planted::{self, Planted};
use crate::ports::Window;
use crate::time::Timestamp;

/// Rounds with differences before a person is told. Reads may be stale by some seconds, and the pauses
/// between the rounds add up to more than that.
const ROUNDS: u32 = 7;

/// A reconciliation that has not ended this long after the settle time, which an order may need that the
/// venue does not know, is told to a person, once.
const ALARM: Duration = Duration::from_secs(30);

/// How far before the last known event the venue is asked from: its clock and its order of events are
/// not known better.
pub(super) const MARGIN: Duration = Duration::from_secs(60);

/// The longest time back that the venue is asked for what happened while no engine ran.
pub const LONGEST_BACK: Duration = Duration::from_secs(30 * 86_400);

/// What the venue is asked, beside the orders that may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    OpenOrders,
    /// Orders created in the window.
    History(Symbol, Window),
    /// Executions in the window.
    Trades(Symbol, Window),
    /// Every balance; asked when all else agrees.
    Balances,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    Orders(Vec<OrderReport>),
    Trades(Vec<Execution>),
    Balances(AccountBalances),
}

/// Which round asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundId(u64);

/// A reconciliation that is under way.
#[derive(Debug)]
pub(super) struct Review {
    occasion: Occasion,
    /// Whether nothing is placed before it has ended.
    blocks: bool,
    /// When it began, or was last told of a list of past orders, of which there may be many.
    pub(super) started: Timestamp,
    rounds: u32,
    pub(super) round: RoundId,
    /// When the round began: what is newer on this side is no difference.
    pub(super) asked: Timestamp,
    pub(super) questions: BTreeSet<Question>,
    /// Questions that are asked when earlier ones are answered.
    pub(super) lists: VecDeque<Question>,
    orders: HashSet<ClientOrderId>,
    pub(super) failures: u32,
    /// What the listing of this round showed.
    pub(super) open: Option<HashSet<ClientOrderId>>,
    pub(super) differences: Vec<String>,
    /// What earlier rounds have found and settled.
    settled: Vec<String>,
    pub(super) looking: Looking,
    /// A person has looked at balances that differ.
    pub(super) drift_seen: bool,
    alarmed: bool,
}

/// Differences that a report spells out.
const SPELT_OUT: usize = 20;

impl OrderDesk {
    /// Holds everything against the venue. One that is under way begins anew.
    pub fn reconcile(&mut self, occasion: Occasion, now: Timestamp, out: &mut Vec<Effect>) {
        let before = self.review.take();
        let blocks = matches!(occasion, Occasion::Start | Occasion::Reconnect);
        let mut review = Review {
            occasion,
            blocks,
            started: now,
            rounds: 0,
            round: RoundId(0),
            asked: now,
            questions: BTreeSet::new(),
            lists: VecDeque::new(),
            orders: HashSet::new(),
            failures: 0,
            open: None,
            differences: Vec::new(),
            settled: Vec::new(),
            looking: Looking::default(),
            drift_seen: before.as_ref().is_some_and(|before| before.drift_seen),
            alarmed: false,
        };
        if let Some(before) = before.filter(|before| before.blocks) {
            review.blocks = true;
            review.started = before.started;
            review.occasion = before.occasion;
            review.alarmed = before.alarmed;
        }
        self.begin_round(review, Duration::ZERO, now, out);
    }

    /// Holds everything against the venue before a halt is lifted. `drift_seen` says that a person has looked
    /// at balances that differ, which are then taken over.
    pub fn reconcile_to_resume(&mut self, drift_seen: bool, now: Timestamp, out: &mut Vec<Effect>) {
        self.reconcile(Occasion::Resume, now, out);
        if let Some(review) = &mut self.review {
            review.drift_seen |= drift_seen;
        }
    }

    /// Whether one is under way.
    #[must_use]
    pub fn is_reconciling(&self) -> bool {
        self.review.is_some()
    }

    /// Begins one when the last is old enough, and raises the alarm about one that lasts too long.
    pub(super) fn keep_reconciled(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.review.is_some() {
            return self.advance(now, out);
        }
        let (Some(every), Some(last)) = (self.reconcile_every, self.reconciled_at) else {
            return;
        };
        if self.private_stream_up && now.saturating_since(last) >= every {
            self.reconcile(Occasion::Periodic, now, out);
        }
    }

    fn begin_round(
        &mut self,
        mut review: Review,
        after: Duration,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        self.last_round += 1;
        review.round = RoundId(self.last_round);
        review.rounds += 1;
        review.asked = now;
        review.open = None;
        review.failures = 0;
        review.looking = Looking::default();
        review.questions = self.questions(&review, now);
        let is_list = |question: &Question| matches!(question, Question::History(..));
        let (lists, others): (Vec<_>, Vec<_>) = review.questions.iter().copied().partition(is_list);
        review.lists = lists.into();
        let first = review.lists.len().min(LISTS_AT_ONCE);
        for question in others.into_iter().chain(review.lists.drain(..first)) {
            out.push(Effect::Ask {
                round: review.round,
                question,
                after,
            });
        }
        let mut ids: Vec<_> = self.unsettled.iter().copied().collect();
        if planted::is(Planted::ReconciledUnasked) {
            ids.clear();
        }
        ids.sort_unstable();
        // What was handed over a moment ago has an answer on its way.
        ids.retain(|id| {
            review.blocks
                || self
                    .order(id)
                    .is_some_and(|it| it.state != OrderState::Sent)
        });
        for id in &ids {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.look_again(after, out);
            }
        }
        review.orders = ids.into_iter().collect();
        self.review = Some(review);
        self.advance(now, out);
    }

    fn questions(&self, review: &Review, now: Timestamp) -> BTreeSet<Question> {
        if planted::is(Planted::ReconciledUnasked) {
            return BTreeSet::new();
        }
        let mut questions = BTreeSet::from([Question::OpenOrders]);
        for symbol in self.instruments.keys() {
            // Of what nothing is known the last trades are asked for: they are in the first balances.
            let from = self.known_until.get(symbol).copied().unwrap_or(now);
            if review.occasion == Occasion::Start && !self.known_until.contains_key(symbol) {
                questions.extend(self.lost_windows(*symbol, now));
            }
            let earliest = now.checked_sub(LONGEST_BACK).unwrap_or(Timestamp::EPOCH);
            let from = from.checked_sub(MARGIN).unwrap_or(from).max(earliest);
            let whole = Window { from, until: now };
            for piece in whole.pieces() {
                if !planted::is(Planted::MissedFillsIgnored) {
                    questions.insert(Question::Trades(*symbol, piece));
                }
                if review.occasion == Occasion::Start && self.known_until.contains_key(symbol) {
                    questions.insert(Question::History(*symbol, piece));
                }
            }
        }
        questions
    }

    /// Ends the round when everything was answered, and the reconciliation when nothing differed.
    pub(super) fn advance(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(mut review) = self.review.take() else {
            return;
        };
        review.orders.retain(|id| {
            let entry = self.entries.get(id);
            entry.is_some_and(|entry| !entry.is_reconciled())
        });
        if !review.questions.is_empty() || !review.orders.is_empty() {
            self.alarm(&mut review, now, out);
            self.review = Some(review);
            return;
        }
        let missing = self.missing_at_venue(&review);
        review.differences.extend(missing);
        if review.differences.is_empty() {
            if self.look_at_balances(&mut review, now, out) {
                return self.agreed(review, now, out);
            }
            self.alarm(&mut review, now, out);
            self.review = Some(review);
            return;
        }
        if review.rounds == ROUNDS {
            self.disagreed(&review, now, out);
            review.settled.clear();
        }
        let pause = delay(review.rounds.min(ROUNDS));
        let differences = std::mem::take(&mut review.differences);
        review.settled.extend(differences);
        review.settled.truncate(SPELT_OUT);
        self.begin_round(review, pause, now, out);
    }

    /// Orders that are open here and that the listing did not show.
    fn missing_at_venue(&self, review: &Review) -> Vec<String> {
        let Some(listed) = &review.open else {
            return Vec::new();
        };
        let open = self.open_orders().filter(|order| {
            let known = matches!(
                order.state,
                OrderState::Working | OrderState::PartiallyFilled
            );
            known && order.updated < review.asked && !listed.contains(&order.id)
        });
        let mut missing: Vec<_> = open
            .map(|order| {
                format!(
                    "{} is {:?} here and not among the venue's open orders",
                    order.id, order.state
                )
            })
            .collect();
        missing.sort_unstable();
        missing
    }

    fn agreed(&mut self, mut review: Review, now: Timestamp, out: &mut Vec<Effect>) {
        self.reconciled_at = Some(review.asked);
        for symbol in self.instruments.keys() {
            self.known_until.insert(*symbol, review.asked);
        }
        self.found(out);
        let balances = review.looking.verdict.take().unwrap_or_default();
        if let Compared::TakenOver(drifts) = &balances {
            review
                .settled
                .extend(drifts.iter().map(ToString::to_string));
        }
        let outcome = match self.compared(&balances, now, out) {
            Some(reason) => Reconciliation::Failed { reason },
            None if review.settled.is_empty() => Reconciliation::Agreed,
            None => Reconciliation::Differed {
                details: std::mem::take(&mut review.settled),
            },
        };
        out.push(self.reconciled(&review, outcome, balances));
    }

    /// A person has to look; the venue is asked on, ever more slowly.
    fn disagreed(&self, review: &Review, now: Timestamp, out: &mut Vec<Effect>) {
        let mut details = review.differences.clone();
        details.truncate(SPELT_OUT);
        let detail = format!(
            "after {} rounds this engine and the venue do not agree: {}",
            review.rounds,
            details.join("; ")
        );
        out.push(self.account_fault(FaultKind::NotReconciled, detail, now));
        let reason = details.join("; ");
        out.push(self.reconciled(
            review,
            Reconciliation::Failed { reason },
            Compared::NotReached,
        ));
    }

    fn reconciled(&self, review: &Review, outcome: Reconciliation, balances: Compared) -> Effect {
        Effect::Reconciled(Reconciled {
            account: self.account,
            occasion: review.occasion,
            outcome,
            open_orders: self.open_orders().count() as u64,
            balances,
        })
    }

    fn alarm(&self, review: &mut Review, now: Timestamp, out: &mut Vec<Effect>) {
        let patience = self.settle_time + ALARM;
        if review.alarmed || now.saturating_since(review.started) <= patience {
            return;
        }
        review.alarmed = true;
        let mut waiting: Vec<_> = review.orders.iter().map(ToString::to_string).collect();
        waiting.sort_unstable();
        waiting.extend(
            review
                .questions
                .iter()
                .map(|question| format!("{question:?}")),
        );
        if waiting.is_empty() {
            waiting.push(format!("{:?}", Question::Balances));
        }
        let detail = format!(
            "the venue has not told everything for {patience:?}: still waiting for {}",
            waiting.join(", ")
        );
        out.push(self.account_fault(FaultKind::NotReconciled, detail, now));
    }

    /// The private stream is down: nothing is placed until it is back and everything was asked for.
    pub fn private_stream_down(&mut self, out: &mut Vec<Effect>) {
        self.private_stream_up = false;
        if let Some(review) = self.review.take() {
            let reason = "the private stream went down".to_owned();
            out.push(self.reconciled(
                &review,
                Reconciliation::Failed { reason },
                Compared::NotReached,
            ));
        }
    }

    /// The private stream delivers again. What it missed is asked for; it counts as live when this side
    /// and the venue agree. One that has delivered all along, over a connection that took another's place,
    /// has missed nothing: it is asked all the same, and goes on counting as live.
    pub fn private_stream_up(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let occasion = match (self.private_stream_up, self.was_up) {
            (true, _) => Occasion::Periodic,
            (false, true) => Occasion::Reconnect,
            (false, false) => Occasion::Start,
        };
        self.private_stream_up = true;
        self.was_up = true;
        self.reconcile(occasion, now, out);
        self.confirm_sweeps(now, out);
    }

    #[must_use]
    pub fn is_private_stream_up(&self) -> bool {
        self.private_stream_up
    }

    /// Whether the private stream delivers and everything it missed was asked for.
    #[must_use]
    pub fn is_private_stream_live(&self) -> bool {
        self.private_stream_up && self.review.as_ref().is_none_or(|review| !review.blocks)
    }
}
