//! The last step of a reconciliation: the balances that the venue shows are held against what the account must
//! hold. Readings race with events and may be stale, so only a difference that stays counts.

use crate::desk::entry::delay;
use crate::desk::reconcile::{MARGIN, Question, Review, RoundId, Shown};
use crate::desk::{Effect, OrderDesk};
use crate::fault::FaultKind;
use crate::halt::{HaltLevel, Scope};
use crate::journal::{BalancesTaken, Compared, Taken};
use crate::messages::account::AccountBalances;
use crate::ports::VenueError;
use crate::position::{Asked, Drift, Judged, Unclear};
use crate::time::Timestamp;

/// Readings in a row that prove nothing before the balances are left to the next reconciliation.
const UNCLEAR: u32 = 8;

/// How far a reconciliation has come with the balances.
#[derive(Debug, Default)]
pub(super) struct Looking {
    /// The question that is under way, and when it was asked.
    asked: Option<(Asked, Timestamp)>,
    /// The next question is not asked before this.
    next: Option<Timestamp>,
    failures: u32,
    /// Readings in a row that proved nothing.
    unclear: u32,
    /// Readings that differed, and when the first one did.
    differing: u32,
    differs_since: Option<Timestamp>,
    pub(super) verdict: Option<Compared>,
}

impl Looking {
    /// Asks again, later each time.
    fn again(&mut self, times: u32, now: Timestamp) {
        self.next = now.checked_add(delay(times));
    }

    fn is_unclear(&mut self, unclear: Unclear, now: Timestamp) {
        self.unclear += 1;
        if self.unclear == UNCLEAR {
            self.verdict = Some(Compared::Unclear(unclear));
        }
        self.again(self.unclear - 1, now);
    }
}

impl OrderDesk {
    /// Asks for the balances when it is time to; `true` when they have been compared.
    pub(super) fn look_at_balances(
        &self,
        review: &mut Review,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> bool {
        let looking = &mut review.looking;
        if looking.verdict.is_some() {
            return true;
        }
        if looking.asked.is_none() && looking.next.is_none_or(|next| next <= now) {
            looking.asked = Some((self.holdings.sheet.ask(), now));
            out.push(Effect::Ask {
                round: review.round,
                question: Question::Balances,
                after: std::time::Duration::ZERO,
            });
        }
        false
    }

    /// Takes the answer to [`Question::Balances`].
    pub(super) fn balances_told(
        &mut self,
        round: RoundId,
        answer: Result<Shown, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(mut review) = self.review.take_if(|review| review.round == round) else {
            return;
        };
        match (review.looking.asked.take(), answer) {
            (Some((asked, at)), Ok(Shown::Balances(reading))) => {
                self.balances_read(&reading, at, now, out);
                self.judge(&mut review, asked, at, &reading, now, out);
            }
            (_, answer) => {
                let looking = &mut review.looking;
                if let Err(error) = answer
                    && looking.failures == 0
                    && !error.is_passing()
                {
                    let detail = format!("reading balances: {error}");
                    out.push(self.account_fault(error.fault_kind(), detail, now));
                }
                looking.failures = looking.failures.saturating_add(1);
                looking.again(looking.failures + 1, now);
            }
        }
        self.review = Some(review);
        self.advance(now, out);
    }

    fn judge(
        &mut self,
        review: &mut Review,
        asked: Asked,
        at: Timestamp,
        reading: &AccountBalances,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let missing = self.missing();
        let is_first = self.holdings.sheet.expected().is_none();
        let judged = if is_first {
            self.begin(asked, at, reading, missing, out)
        } else {
            let sheet = &self.holdings.sheet;
            sheet.judge(asked, &reading.balances, missing)
        };
        let looking = &mut review.looking;
        match judged {
            Ok(Judged::Unclear(unclear)) => looking.is_unclear(unclear, now),
            Ok(Judged::Equal) => {
                let equal = if is_first {
                    Compared::Begun
                } else {
                    Compared::Equal
                };
                looking.verdict = Some(equal);
            }
            Ok(Judged::Differs(mut drifts)) => {
                drifts.retain(|drift| !self.holdings.unwatched.contains(&drift.asset));
                if drifts.is_empty() {
                    looking.verdict = Some(Compared::Equal);
                } else {
                    self.differs(review, at, drifts, now, out);
                }
            }
            Err(error) => {
                looking.verdict = Some(Compared::NotReached);
                let detail = format!("balances cannot be compared: {error}");
                out.push(self.account_fault(FaultKind::BalanceDrift, detail, now));
            }
        }
    }

    /// Takes the venue's first word. One that is older than what was heard before is not it.
    fn begin(
        &mut self,
        asked: Asked,
        at: Timestamp,
        reading: &AccountBalances,
        missing: usize,
        out: &mut Vec<Effect>,
    ) -> Result<Judged, crate::money::MoneyError> {
        let heard = self.holdings.heard;
        if reading.updated.is_some_and(|updated| updated < heard) {
            return Ok(Judged::Unclear(Unclear::Stale));
        }
        let since = since(at);
        let sheet = &mut self.holdings.sheet;
        let judged = sheet.begin(asked, &reading.balances, missing, since)?;
        if judged == Judged::Equal {
            let held = reading.balances.iter();
            let held = held.filter(|one| !one.free.is_zero() || !one.locked.is_zero());
            let record = BalancesTaken {
                account: self.account,
                taken: Taken::First(held.copied().collect()),
                since,
            };
            out.push(Effect::Record(record.into()));
        }
        Ok(judged)
    }

    /// A difference that a person has looked at is taken over; another one has to stay before it counts:
    /// events lag, and reads may be stale.
    fn differs(
        &mut self,
        review: &mut Review,
        at: Timestamp,
        drifts: Vec<Drift>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let looking = &mut review.looking;
        looking.unclear = 0;
        if review.drift_seen && self.is_told(&drifts) {
            return self.take_over(review, at, drifts, now, out);
        }
        looking.differing += 1;
        let since = *looking.differs_since.get_or_insert(now);
        if looking.differing > 1 && now.saturating_since(since) >= self.settle_time {
            looking.verdict = Some(Compared::Differ(drifts));
        } else {
            looking.again(looking.differing, now);
        }
    }

    fn take_over(
        &mut self,
        review: &mut Review,
        at: Timestamp,
        drifts: Vec<Drift>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let since = since(at);
        if let Err(error) = self.holdings.sheet.rebase(&drifts, since) {
            review.looking.verdict = Some(Compared::Differ(drifts));
            let detail = format!("balances cannot be taken over: {error}");
            return out.push(self.account_fault(FaultKind::BalanceDrift, detail, now));
        }
        let record = BalancesTaken {
            account: self.account,
            taken: Taken::Drifts(drifts.clone()),
            since,
        };
        out.push(Effect::Record(record.into()));
        review.looking.verdict = Some(Compared::TakenOver(drifts));
    }

    /// Whether a person was told of exactly these differences. The figures may have moved together since.
    fn is_told(&self, drifts: &[Drift]) -> bool {
        let told = &self.holdings.told;
        let same = |(one, other): (&Drift, &Drift)| {
            one.asset == other.asset && one.difference == other.difference
        };
        drifts.len() == told.len() && drifts.iter().zip(told).all(same)
    }

    /// Takes note of what came of the comparison; the reason why there is no agreement, if there is none.
    pub(super) fn compared(
        &mut self,
        compared: &Compared,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Option<String> {
        let Compared::Differ(drifts) = compared else {
            if !matches!(compared, Compared::NotReached | Compared::Unclear(_)) {
                self.holdings.told.clear();
                self.holdings.told_here = false;
            }
            return None;
        };
        let both: Vec<_> = drifts.iter().map(ToString::to_string).collect();
        let reason = both.join("; ");
        let is_known = self.is_told(drifts) && (self.holdings.told_here || self.drift_stands());
        if !is_known {
            let detail = format!("the account does not hold what it must: {reason}");
            out.push(self.account_fault(FaultKind::BalanceDrift, detail, now));
        }
        self.holdings.told = drifts.clone();
        self.holdings.told_here = true;
        Some(reason)
    }

    /// Whether a halt because of such a difference stands, such as one that an earlier run has left.
    fn drift_stands(&self) -> bool {
        let standing = self.board.standing(&Scope::Account(self.account));
        standing.is_some_and(|standing| {
            let kinds = standing.incidents.iter().map(|one| one.fault.kind);
            standing.level > HaltLevel::Active
                && kinds
                    .into_iter()
                    .any(|kind| kind == FaultKind::BalanceDrift)
        })
    }
}

/// What is older than this is in a reading that was asked for at `at`: the venue's clock and its order of
/// events are not known better.
fn since(at: Timestamp) -> Timestamp {
    at.checked_sub(MARGIN).unwrap_or(Timestamp::EPOCH)
}
