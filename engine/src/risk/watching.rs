//! C06, C14 and C18: what is never refused, and told when it is too much.

use std::time::Duration;

use rust_decimal::Decimal;

use super::account::Messages;
use super::limits::Bounds;
use super::state::RiskState;
use super::{LimitScope, Rule, Trip};
use crate::fault::FaultKind;
use crate::ids::{Asset, StrategyId, Symbol};
use crate::order::Order;
use crate::time::Timestamp;

/// Slow answers in a row that are a fault, where only their length is set.
const SLOW_ANSWERS: u32 = 5;

/// With fewer orders in a day than this, orders for each fill tell nothing.
const FIRST_ORDERS: u32 = 100;

impl RiskState {
    /// What a unit of an asset is worth in the asset of money limits.
    pub(super) fn worth_of(&self, asset: Asset) -> Option<Decimal> {
        let value_in = self.value_in()?;
        if asset == value_in {
            return Some(Decimal::ONE);
        }
        let mut priced = self
            .instruments
            .values()
            .filter_map(|on| Some((on.pair?, on.mark?)));
        let via = priced.find(|((base, quote), _)| *base == asset && *quote == value_in);
        via.map(|(_, mark)| mark.value())
    }

    /// Counts a cancel, which is never refused, and tells what is too much of a day.
    pub fn canceled(&mut self, strategy: StrategyId, symbol: Symbol, now: Timestamp) -> Vec<Trip> {
        self.each_messages(strategy, symbol, |_, messages, _| {
            let today = messages.today.at(now);
            today.cancels = today.cancels.saturating_add(1);
            None
        });
        self.day_trips(strategy, symbol, now)
    }

    /// What is too much of a day, each told once on it.
    pub fn day_trips(&mut self, strategy: StrategyId, symbol: Symbol, now: Timestamp) -> Vec<Trip> {
        self.each_messages(strategy, symbol, |bounds, messages, who| {
            let today = messages.today.at(now);
            let cancels = bounds.cancels_per_day.as_ref();
            if let Some(most) = cancels.filter(|most| today.cancels > most.value)
                && !std::mem::replace(&mut today.told_cancels, true)
            {
                let (value, limit) = (today.cancels.to_string(), most.value.to_string());
                let scope = most.level.scope(strategy, symbol);
                return Some(told(
                    Rule::CancelsPerDay,
                    FaultKind::OrderRatio,
                    value,
                    limit,
                    scope,
                    who,
                ));
            }
            let most = bounds.orders_per_fill.as_ref()?;
            let allowed = most.value.saturating_mul(today.fills.max(1));
            let is_beyond = today.orders > allowed && today.orders >= FIRST_ORDERS;
            (is_beyond && !std::mem::replace(&mut today.told_ratio, true)).then(|| {
                let value = format!("{} orders for {} fills", today.orders, today.fills);
                let (limit, scope) = (most.value.to_string(), most.level.scope(strategy, symbol));
                told(
                    Rule::OrdersPerFill,
                    FaultKind::OrderRatio,
                    value,
                    limit,
                    scope,
                    who,
                )
            })
        })
    }

    /// Does something with the messages of each scope that a strategy's order on an instrument counts for.
    fn each_messages(
        &mut self,
        strategy: StrategyId,
        symbol: Symbol,
        mut act: impl FnMut(&Bounds, &mut Messages, Option<StrategyId>) -> Option<Trip>,
    ) -> Vec<Trip> {
        let mut trips = Vec::new();
        let account = &mut self.account;
        trips.extend(act(&account.bounds, &mut account.messages, None));
        if let Some(sums) = self.strategies.get_mut(&strategy) {
            trips.extend(act(&sums.bounds, &mut sums.messages, Some(strategy)));
        }
        if let Some(on) = self.instruments.get_mut(&symbol) {
            trips.extend(act(&on.bounds, &mut on.messages, None));
        }
        trips
    }

    /// An order was answered after so long; tells when too many answers in a row were slow.
    pub fn answered(&mut self, took: Duration) -> Option<Trip> {
        let bounds = &self.account.bounds;
        let slow = bounds.slow_answer.as_ref()?;
        if took <= slow.value.0 {
            self.account.slow = 0;
            return None;
        }
        self.account.slow += 1;
        let most = bounds.slow_answers.as_ref();
        let most = most.map_or(SLOW_ANSWERS, |most| most.value);
        if self.account.slow < most {
            return None;
        }
        let (value, limit) = (format!("{took:?}"), slow.value.to_string());
        let scope = slow.level.scope_of_account();
        self.account.slow = 0;
        Some(told(
            Rule::SlowAnswers,
            FaultKind::SlowVenue,
            value,
            limit,
            scope,
            None,
        ))
    }

    /// So many bytes are free on the journal's disk; tells when that is too little, once until it was enough again.
    pub fn disk_measured(&mut self, free: u64) -> Option<Trip> {
        let least = self.account.bounds.min_free_disk_mb.as_ref();
        let least = least.filter(|least| free / 1_000_000 < least.value);
        let is_told = std::mem::replace(&mut self.account.is_disk_low, least.is_some());
        let least = least.filter(|_| !is_told)?;
        let (value, limit) = ((free / 1_000_000).to_string(), least.value.to_string());
        let (rule, kind) = (Rule::FreeDisk, FaultKind::DiskLow);
        // Whatever is written down is everybody's.
        Some(told(rule, kind, value, limit, LimitScope::Global, None))
    }

    /// How long an order of a strategy may rest on an instrument.
    #[must_use]
    pub fn too_old(&self, order: &Order, age: Duration) -> Option<Trip> {
        let (strategy, symbol) = (order.strategy, order.terms.symbol);
        let own = self.strategies.get(&strategy)?.own.get(&symbol)?;
        let most = own.bounds.max_order_age.as_ref()?;
        (age > most.value.0).then(|| {
            let (value, limit) = (format!("{age:?}"), most.value.to_string());
            let scope = most.level.scope(strategy, symbol);
            let who = Some(strategy);
            told(
                Rule::OrderAge,
                FaultKind::OrderAge,
                value,
                limit,
                scope,
                who,
            )
        })
    }
}

fn told(
    rule: Rule,
    kind: FaultKind,
    value: String,
    limit: String,
    scope: LimitScope,
    strategy: Option<StrategyId>,
) -> Trip {
    Trip {
        rule,
        kind,
        strategy,
        symbol: None,
        side: None,
        value,
        limit,
        scope,
    }
}
