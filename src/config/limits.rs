//! `[risk]`: where a limit may stand, whom it may name, and what real money is not traded without.

use tripline_engine::risk::{LimitScope, RiskLimits, RiskTable};

use super::StrategyConfig;
use super::resolve::Check;

/// The key of a scope's table.
fn section(scope: &LimitScope) -> String {
    match scope {
        LimitScope::Global => "risk".into(),
        LimitScope::Account => "risk.account".into(),
        LimitScope::Strategy(id) => format!("risk.strategy.{id}"),
        LimitScope::Instrument(symbol) => format!("risk.instrument.{symbol}"),
    }
}

pub(super) fn limits(
    check: &mut Check<'_>,
    table: RiskTable,
    is_real: bool,
    strategies: &[StrategyConfig],
) -> RiskLimits {
    let limits = RiskLimits::from(table);
    for (scope, key) in limits.misplaced() {
        let problem = format!("cannot be set for {scope}");
        let advice = "write it under [risk] or [risk.account]";
        check.fault(format!("{}.{key}", section(&scope)), problem, advice);
    }
    for id in limits.strategies.keys() {
        if !strategies.iter().any(|strategy| strategy.id == *id) {
            let problem = "there is no strategy of this id";
            let advice = "name one of [[strategy]]";
            check.fault(format!("risk.strategy.{id}"), problem, advice);
        }
    }
    let ids = strategies.iter().map(|strategy| strategy.id);
    for lacking in (limits.check_live(ids).err().into_iter().flatten()).filter(|_| is_real) {
        let problem = format!("live = true, and {lacking}");
        let advice = "set them under [risk], [risk.account] or [risk.strategy.ID]";
        check.fault("risk", problem, advice);
    }
    limits
}
