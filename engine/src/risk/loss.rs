//! C12: what was lost since the day began and since the peak, of each strategy and of the account.

use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::account::day_of;
use super::limits::{Bound, Bounds};
use super::state::RiskState;
use super::{LimitScope, Rule, Trip};
use crate::fault::FaultKind;
use crate::ids::{StrategyId, Symbol};
use crate::money::Notional;
use crate::position::{Position, PositionBook};
use crate::time::Timestamp;

/// So many observations in a row must show a loss before it counts: a single price may be a phantom.
const CONFIRMED: u32 = 3;

/// The gateway hears of a price once a second, and looks every half second.
const OBSERVE_EVERY: Duration = Duration::from_millis(900);

/// From when on the loss counts. Amounts are in the asset of money limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossMark {
    /// Days since 1970, UTC.
    pub day: i64,
    /// The result when the day began: the first that was observed on it.
    pub begin: Decimal,
    /// The highest result ever observed.
    pub peak: Decimal,
}

/// What is watched of one scope.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    pub(super) mark: Option<LossMark>,
    /// The mark as it was last written down.
    written: Option<LossMark>,
    /// It held positions when this run began, so that its result is not known before its prices are.
    pub(super) held_before: bool,
    /// How often in a row each threshold was reached.
    reached: [u32; 4],
}

/// What an observation has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Losses that are confirmed, as often as they are observed.
    pub trips: Vec<Trip>,
    /// What a restart has to know.
    pub marks: Vec<(LimitScope, LossMark)>,
}

type Threshold<'b> = (Rule, FaultKind, &'b Option<Bound<Notional>>, Decimal);

impl Watch {
    /// Takes the result as it is now, and tells the thresholds that it has confirmedly reached.
    fn observe<'b>(
        &mut self,
        result: Decimal,
        bounds: &'b Bounds,
        now: Timestamp,
    ) -> Vec<(Rule, FaultKind, Decimal, &'b Bound<Notional>)> {
        let day = day_of(now);
        let first = match self.held_before {
            true => result,
            false => Decimal::ZERO,
        };
        let mark = self.mark.get_or_insert(LossMark {
            day,
            begin: first,
            peak: first,
        });
        if day > mark.day {
            (mark.day, mark.begin) = (day, result);
        }
        mark.peak = mark.peak.max(result);
        let of_day = mark.begin.saturating_sub(result);
        let of_peak = mark.peak.saturating_sub(result);
        let (reduce, halt) = (FaultKind::LossReduce, FaultKind::LossLimit);
        let thresholds: [Threshold<'b>; 4] = [
            (Rule::DayLoss, halt, &bounds.day_loss_halt, of_day),
            (Rule::Drawdown, halt, &bounds.drawdown_halt, of_peak),
            (Rule::DayLoss, reduce, &bounds.day_loss_reduce, of_day),
            (Rule::Drawdown, reduce, &bounds.drawdown_reduce, of_peak),
        ];
        let mut confirmed = Vec::new();
        for (reached, (rule, kind, bound, lost)) in self.reached.iter_mut().zip(thresholds) {
            match bound {
                Some(bound) if lost >= bound.value.value() => {
                    *reached = reached.saturating_add(1);
                    if *reached >= CONFIRMED {
                        confirmed.push((rule, kind, lost, bound));
                    }
                }
                _ => *reached = 0,
            }
        }
        confirmed
    }

    /// The mark, when a restart has to know it: on a new day, and when the peak has risen by a twentieth of the
    /// drawdown that acts.
    fn news(&mut self, bounds: &Bounds) -> Option<LossMark> {
        let is_limited = bounds.day_loss_halt.is_some() || bounds.day_loss_reduce.is_some();
        let drawdowns = [&bounds.drawdown_halt, &bounds.drawdown_reduce];
        let drawdowns = drawdowns.into_iter().flatten();
        let drawdown = drawdowns.map(|bound| bound.value.value()).min();
        if !is_limited && drawdown.is_none() {
            return None;
        }
        let mark = self.mark?;
        let is_news = self.written.is_none_or(|written| {
            let risen = mark.peak.saturating_sub(written.peak);
            let enough = drawdown.map(|limit| limit * Decimal::new(5, 2));
            mark.day != written.day || enough.is_some_and(|enough| risen > enough)
        });
        is_news.then(|| {
            self.written = Some(mark);
            mark
        })
    }
}

impl RiskState {
    /// Goes on from a mark of an earlier run.
    pub fn remember_mark(&mut self, scope: &LimitScope, mark: LossMark) {
        let watch = match scope {
            LimitScope::Strategy(id) => &mut self.strategies.entry(*id).or_default().watch,
            _ => &mut self.account.watch,
        };
        (watch.mark, watch.written) = (Some(mark), Some(mark));
    }

    /// Looks at the result of every scope, where a price has come since the last look and that is a second ago. A scope of which some amount has no price yet is not looked at.
    pub fn observe(&mut self, positions: &PositionBook, now: Timestamp) -> Observed {
        let mut observed = Observed::default();
        let last = self.observed;
        let is_soon = last.is_some_and(|last| now.saturating_since(last) < OBSERVE_EVERY);
        if is_soon || !std::mem::take(&mut self.is_marked_anew) {
            return observed;
        }
        self.observed = Some(now);
        let of_account = positions.account_positions();
        if let Some(result) = self.result(of_account) {
            let account = &mut self.account;
            let confirmed = account.watch.observe(result, &account.bounds, now);
            let trips = confirmed.into_iter().map(|confirmed| {
                let scope = confirmed.3.level.scope_of_account();
                trip(confirmed, None, scope)
            });
            observed.trips.extend(trips);
            let news = account.watch.news(&account.bounds);
            let news = news.map(|mark| (LimitScope::Account, mark));
            observed.marks.extend(news);
        }
        let ids: Vec<StrategyId> = self.strategies.keys().copied().collect();
        for id in ids {
            let own = positions.positions().filter(|(of, _)| *of == id);
            let result = self.result(own.map(|(_, position)| position));
            let (Some(result), Some(sums)) = (result, self.strategies.get_mut(&id)) else {
                continue;
            };
            let scope = LimitScope::Strategy(id);
            let confirmed = sums.watch.observe(result, &sums.bounds, now);
            let trips = confirmed.into_iter();
            observed
                .trips
                .extend(trips.map(|confirmed| trip(confirmed, Some(id), scope)));
            let news = sums.watch.news(&sums.bounds);
            observed.marks.extend(news.map(|mark| (scope, mark)));
        }
        observed
    }

    /// Realised and unrealised profit less fees, in the asset of money limits. A fee in an asset whose price is not
    /// known here does not count.
    fn result<'p>(&self, positions: impl Iterator<Item = &'p Position>) -> Option<Decimal> {
        let mut sum = Decimal::ZERO;
        for position in positions {
            sum = sum.checked_add(self.result_of(position)?)?;
        }
        Some(sum)
    }

    fn result_of(&self, position: &Position) -> Option<Decimal> {
        let pair = position.pair();
        let on = self.instruments.get(&position.symbol())?;
        let fee_in_quote = position.fees().get(&pair.quote).copied();
        let cash = position
            .cash_flow()
            .checked_sub(fee_in_quote.unwrap_or_default())?;
        let value = match position.held().is_zero() {
            true => Decimal::ZERO,
            false => position.held().checked_mul(on.mark?.value())?,
        };
        let in_quote = cash.checked_add(value)?;
        let mut result = match in_quote.is_zero() {
            true => Decimal::ZERO,
            false => in_quote.checked_mul(on.rate?)?,
        };
        let others = position.fees().iter();
        for (asset, fee) in
            others.filter(|(asset, _)| **asset != pair.quote && **asset != pair.base)
        {
            let worth = self
                .worth_of(*asset)
                .and_then(|price| price.checked_mul(*fee));
            result = result.checked_sub(worth.unwrap_or_default())?;
        }
        Some(result)
    }
}

fn trip(
    (rule, kind, lost, bound): (Rule, FaultKind, Decimal, &Bound<Notional>),
    strategy: Option<StrategyId>,
    scope: LimitScope,
) -> Trip {
    Trip {
        rule,
        kind,
        strategy,
        symbol: None::<Symbol>,
        side: None,
        value: lost.normalize().to_string(),
        limit: bound.value.to_string(),
        scope,
    }
}
