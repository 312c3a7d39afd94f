//! C12: what was lost since the day began and since the peak, of each strategy and of the account.

use std::time::Duration;

use arrayvec::ArrayVec;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::account::day_of;
use super::limits::{Bound, Bounds};
use super::scope::Level;
use super::state::RiskState;
use super::{LimitScope, Rule, Trip};
use crate::fault::FaultKind;
use crate::ids::{Asset, StrategyId, Symbol};
use crate::money::Notional;
use crate::position::{Position, PositionBook};
use crate::time::Timestamp;

/// So many observations in a row must show a loss before it counts: a single price may be a phantom.
const CONFIRMED: u32 = 3;

/// The gateway hears of a price once a second, and looks every half second.
const OBSERVE_EVERY: Duration = Duration::from_millis(900);

/// A loss with a limit that cannot be told for so long is a fault.
const BLIND: Duration = Duration::from_secs(60);

/// From when on the loss counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossMark {
    /// What the amounts are in: the asset of money limits.
    pub asset: Option<Asset>,
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
    /// The last results, for the peak.
    recent: ArrayVec<Decimal, 3>,
    /// The first results of the day, for its begin; `None` for a day that an earlier run has begun.
    opening: Option<ArrayVec<Decimal, 3>>,
    /// Since when the result of a scope with a limit cannot be told.
    blind_since: Option<Timestamp>,
}

/// What an observation has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Losses that are confirmed, as often as they are observed.
    pub trips: Vec<Trip>,
    /// What a restart has to know.
    pub marks: Vec<(LimitScope, LossMark)>,
}

/// What one look at a scope has shown.
struct Looked<'b> {
    confirmed: Vec<(Rule, FaultKind, Decimal, &'b Bound<Notional>)>,
    /// The limit that nothing can be held against.
    blind: Option<&'b Bound<Notional>>,
    mark: Option<LossMark>,
}

impl Looked<'_> {
    /// The trips of the scope that `whose` tells.
    fn trips(&self, whose: impl Fn(Level) -> (Option<StrategyId>, LimitScope)) -> Vec<Trip> {
        let confirmed = self.confirmed.iter().map(|(rule, kind, lost, bound)| {
            let (strategy, scope) = whose(bound.level);
            let lost = lost.normalize().to_string();
            trip(*rule, *kind, strategy, lost, bound, scope)
        });
        let blind = self.blind.iter().map(|bound| {
            let (strategy, scope) = whose(bound.level);
            let (rule, kind) = (Rule::NotPriced, FaultKind::LossUnknown);
            trip(rule, kind, strategy, "unknown".into(), bound, scope)
        });
        confirmed.chain(blind).collect()
    }
}

type Threshold<'b> = (Rule, FaultKind, &'b Option<Bound<Notional>>, Decimal);

impl Watch {
    /// Takes the result, or that it cannot be told. Without a new price a result is no news.
    fn look<'b>(
        &mut self,
        result: Option<(Decimal, Option<Asset>)>,
        is_new: bool,
        bounds: &'b Bounds,
        now: Timestamp,
    ) -> Looked<'b> {
        let Some((result, asset)) = result else {
            let since = *self.blind_since.get_or_insert(now);
            let is_long = now.saturating_since(since) >= BLIND;
            return Looked {
                confirmed: Vec::new(),
                blind: losses(bounds).next().filter(|_| is_long),
                mark: None,
            };
        };
        self.blind_since = None;
        Looked {
            confirmed: match is_new {
                true => self.observe(result, asset, bounds, now),
                false => Vec::new(),
            },
            blind: None,
            mark: self.news(bounds),
        }
    }

    /// Takes the result as it is now, and tells the thresholds that it has confirmedly reached.
    fn observe<'b>(
        &mut self,
        result: Decimal,
        asset: Option<Asset>,
        bounds: &'b Bounds,
        now: Timestamp,
    ) -> Vec<(Rule, FaultKind, Decimal, &'b Bound<Notional>)> {
        let day = day_of(now);
        let first = match self.held_before {
            true => result,
            false => Decimal::ZERO,
        };
        let mark = self.mark.get_or_insert(LossMark {
            asset,
            day,
            begin: first,
            peak: first,
        });
        // A single price may be a phantom: the day begins with the middle one of its first three results, and a peak
        // has lasted for three.
        if day > mark.day {
            (mark.day, mark.begin) = (day, result);
            self.opening = Some(ArrayVec::new());
        }
        if let Some(opening) = &mut self.opening
            && opening.try_push(result).is_ok()
            && opening.is_full()
        {
            let mut first = opening.clone();
            first.sort_unstable();
            mark.begin = first[1];
        }
        if self.recent.is_full() {
            self.recent.remove(0);
        }
        self.recent.push(result);
        if let (true, Some(lasting)) = (self.recent.is_full(), self.recent.iter().min()) {
            mark.peak = mark.peak.max(*lasting);
        }
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
            (mark.day, mark.begin) != (written.day, written.begin)
                || enough.is_some_and(|enough| risen > enough)
        });
        is_news.then(|| {
            self.written = Some(mark);
            mark
        })
    }
}

impl RiskState {
    /// Goes on from a mark of an earlier run.
    ///
    /// # Errors
    /// The asset that the mark is in, where money limits are in another one now: then the loss counts from here on.
    pub fn remember_mark(&mut self, scope: &LimitScope, mark: LossMark) -> Result<(), Asset> {
        if let (Some(was), Some(is)) = (mark.asset, self.value_in())
            && was != is
        {
            return Err(was);
        }
        let watch = match scope {
            LimitScope::Strategy(id) => &mut self.strategies.entry(*id).or_default().watch,
            _ => &mut self.account.watch,
        };
        (watch.mark, watch.written) = (Some(mark), Some(mark));
        Ok(())
    }

    /// Looks at the result of every scope, where a price has come since the last look and that is a second
    /// ago. That some amount of a scope with a limit has no price is a fault after a while.
    pub fn observe(&mut self, positions: &PositionBook, now: Timestamp) -> Observed {
        let mut observed = Observed::default();
        let last = self.observed;
        let is_soon = last.is_some_and(|last| now.saturating_since(last) < OBSERVE_EVERY);
        if is_soon {
            return observed;
        }
        self.observed = Some(now);
        let is_new = std::mem::take(&mut self.is_marked_anew);
        let result = self.result(positions.account_positions());
        let account = &mut self.account;
        let seen = account.watch.look(result, is_new, &account.bounds, now);
        let trips = seen.trips(|level| (None, level.scope_of_account()));
        observed.trips.extend(trips);
        let mark = seen.mark.map(|mark| (LimitScope::Account, mark));
        observed.marks.extend(mark);
        let ids: Vec<StrategyId> = self.strategies.keys().copied().collect();
        for id in ids {
            let own = positions.positions().filter(|(of, _)| *of == id);
            let result = self.result(own.map(|(_, position)| position));
            let Some(sums) = self.strategies.get_mut(&id) else {
                continue;
            };
            let scope = LimitScope::Strategy(id);
            let seen = sums.watch.look(result, is_new, &sums.bounds, now);
            let trips = seen.trips(|_| (Some(id), scope));
            observed.trips.extend(trips);
            observed.marks.extend(seen.mark.map(|mark| (scope, mark)));
        }
        observed
    }

    /// Realised and unrealised profit less fees, and the asset of money limits, which it is in. A fee in an asset
    /// whose price is not known here does not count.
    fn result<'p>(
        &self,
        positions: impl Iterator<Item = &'p Position>,
    ) -> Option<(Decimal, Option<Asset>)> {
        let mut sum = Decimal::ZERO;
        for position in positions {
            sum = sum.checked_add(self.result_of(position)?)?;
        }
        Some((sum, self.value_in()))
    }

    fn result_of(&self, position: &Position) -> Option<Decimal> {
        let pair = position.pair();
        let fee_in_quote = position.fees().get(&pair.quote).copied();
        let cash = position
            .cash_flow()
            .checked_sub(fee_in_quote.unwrap_or_default())?;
        let value = match position.held().is_zero() {
            true => Decimal::ZERO,
            false => {
                let mark = self.instruments.get(&position.symbol())?.mark?;
                position.held().checked_mul(mark.value())?
            }
        };
        let in_quote = cash.checked_add(value)?;
        let mut result = match in_quote.is_zero() {
            true => Decimal::ZERO,
            false => in_quote.checked_mul(self.worth_of(pair.quote)?)?,
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

/// Every limit of a loss.
fn losses(bounds: &Bounds) -> impl Iterator<Item = &Bound<Notional>> {
    let all = [
        &bounds.day_loss_halt,
        &bounds.drawdown_halt,
        &bounds.day_loss_reduce,
        &bounds.drawdown_reduce,
    ];
    all.into_iter().flatten()
}

fn trip(
    rule: Rule,
    kind: FaultKind,
    strategy: Option<StrategyId>,
    value: String,
    bound: &Bound<Notional>,
    scope: LimitScope,
) -> Trip {
    Trip {
        rule,
        kind,
        strategy,
        symbol: None::<Symbol>,
        side: None,
        value,
        limit: bound.value.to_string(),
        scope,
    }
}
