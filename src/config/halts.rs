//! What each kind of fault does, and how positions are closed.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use tripline_engine::desk::FlattenSettings;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, HaltPolicy, Reaction, Scope};
use tripline_engine::ids::AccountId;
use tripline_engine::messages::control::RestingOrders;
use tripline_strategies::config::Period;

use super::raw::{RawFlatten, RawReaction, RawResume, RawScope};
use super::resolve::Check;

/// How long everything must have been in order before a halt is lifted by itself, unless the file says otherwise.
const AFTER: Duration = Duration::from_secs(30);

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn policy(
    check: &mut Check<'_>,
    raw: BTreeMap<FaultKind, RawReaction>,
    account: AccountId,
) -> HaltPolicy {
    let reactions = raw.into_iter();
    reactions.fold(HaltPolicy::default(), |policy, (kind, raw)| {
        policy.with(kind, reaction(check, kind, &raw, account))
    })
}

fn reaction(
    check: &mut Check<'_>,
    kind: FaultKind,
    raw: &RawReaction,
    account: AccountId,
) -> Reaction {
    let usual = Reaction::by_default(kind);
    let level = raw.level.unwrap_or(usual.level);
    let resting_orders = raw.resting_orders;
    let resting_orders = resting_orders.unwrap_or(usual.resting_orders);
    let flattens = resting_orders == RestingOrders::Flatten;
    if flattens && level != HaltLevel::Halted {
        let problem =
            "'flatten' closes positions under a halt, and this level lets strategies trade";
        let key = format!("halt.{kind}.resting_orders");
        check.fault(key, problem, "set level = \"halted\", or choose \"cancel\"");
    }
    let scope = raw.scope.map(|scope| match scope {
        RawScope::Account => Scope::Account(account),
        RawScope::All => Scope::Global,
    });
    let resumes_after = resumes_after(check, kind, raw);
    if resumes_after.is_some() && (flattens || level == HaltLevel::Active) {
        let problem = match flattens {
            true => "what was flattened is resumed by a person only",
            false => "nothing is halted that could be resumed",
        };
        let advice = "remove resume, or choose another level or resting_orders";
        check.fault(format!("halt.{kind}.resume"), problem, advice);
    }
    Reaction {
        scope,
        resumes_after,
        ..Reaction::new(level, resting_orders)
    }
}

/// An error halt is never lifted without a person, whatever the file says.
fn resumes_after(check: &mut Check<'_>, kind: FaultKind, raw: &RawReaction) -> Option<Duration> {
    let after = raw.after.map(|Period(after)| after);
    if raw.resume != Some(RawResume::Auto) {
        if after.is_some() {
            let problem = "is given without resume = \"auto\"";
            let advice = "set resume = \"auto\", or remove it";
            check.fault(format!("halt.{kind}.after"), problem, advice);
        }
        return None;
    }
    if !kind.is_of_market() {
        let market = FaultKind::ALL.iter().filter(|kind| kind.is_of_market());
        let market: Vec<&str> = market.map(|kind| kind.as_str()).collect();
        let advice = format!(
            "only what tells of the market may be: {}",
            market.join(", ")
        );
        let problem = "an error halt is lifted by a person only";
        check.fault(format!("halt.{kind}.resume"), problem, advice);
        return None;
    }
    let after = after.unwrap_or(AFTER);
    let (least, most) = (SECOND, 86_400 * SECOND);
    if !(least..=most).contains(&after) {
        let advice = format!("give at least {least:?} and at most {most:?}");
        check.fault(
            format!("halt.{kind}.after"),
            format!("is {after:?}"),
            advice,
        );
    }
    Some(after)
}

pub(super) fn flatten(check: &mut Check<'_>, raw: &RawFlatten) -> FlattenSettings {
    let usual = FlattenSettings::default();
    let settings = FlattenSettings {
        collar_percent: raw.collar_percent.unwrap_or(usual.collar_percent),
        attempts: raw.attempts.unwrap_or(usual.attempts),
        within: raw.within.map_or(usual.within, |within| within.0),
    };
    let collar = settings.collar_percent;
    if collar <= Decimal::ZERO || collar > Decimal::from(20) {
        let advice = "give more than \"0\" and at most \"20\" percent";
        check.fault("flatten.collar_percent", format!("is {collar}"), advice);
    }
    if !(1..=100).contains(&settings.attempts) {
        let problem = format!("is {}", settings.attempts);
        check.fault("flatten.attempts", problem, "give 1 to 100");
    }
    if !(SECOND..=3_600 * SECOND).contains(&settings.within) {
        let problem = format!("is {:?}", settings.within);
        check.fault("flatten.within", problem, "give \"1s\" to \"1h\"");
    }
    settings
}

/// A stop and a start cancel or keep; flattening belongs to a halt.
pub(super) fn only_halts_flatten(
    check: &mut Check<'_>,
    key: &str,
    resting_orders: Option<RestingOrders>,
) {
    if resting_orders == Some(RestingOrders::Flatten) {
        let problem = "'flatten' is for a halt";
        let advice = "choose \"cancel\" or \"keep\"; to flatten: tripline flatten";
        check.fault(key, problem, advice);
    }
}
