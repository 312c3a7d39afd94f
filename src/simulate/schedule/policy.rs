//! Draws what faults do and how a person halts. Beside the troubles, so that a seed's troubles stay what they are.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, HaltPolicy, Reaction, Scope};
use tripline_engine::ids::{StrategyId, Symbol};
use tripline_engine::messages::control::RestingOrders;

use super::draw::one_of;
use super::{Step, Trouble};

const FLATTEN: Reaction = Reaction::new(HaltLevel::Halted, RestingOrders::Flatten);

fn reaction(random: &mut StdRng) -> Reaction {
    match random.random_range(0..8) {
        0..=2 => Reaction::STRICT,
        3 => Reaction::new(HaltLevel::Halted, RestingOrders::Keep),
        4 | 5 => Reaction::new(HaltLevel::ReduceOnly, RestingOrders::Keep),
        6 => Reaction::new(HaltLevel::ReduceOnly, RestingOrders::Cancel),
        _ => FLATTEN,
    }
}

/// Half of the seeds keep the strict default.
pub(super) fn draw(seed: u64) -> HaltPolicy {
    let mut random = StdRng::seed_from_u64(seed ^ 0x706f_6c69_6379);
    if random.random() {
        return HaltPolicy::default();
    }
    FaultKind::ALL
        .iter()
        .fold(HaltPolicy::default(), |policy, kind| {
            let mut reaction = reaction(&mut random);
            let is_wide = random.random_range(0..8) == 0;
            reaction.scope = is_wide.then_some(Scope::Global);
            let by_itself = random.random() && kind.is_of_market() && !reaction.flattens();
            let after = Duration::from_secs(random.random_range(1..20));
            reaction.resumes_after = by_itself.then_some(after);
            policy.with(*kind, reaction)
        })
}

/// Gives the halts by hand their scopes and reactions.
pub(super) fn vary_halts(seed: u64, steps: &mut [Step]) {
    let mut random = StdRng::seed_from_u64(seed ^ 0x6d61_6e75_616c);
    let strategy = |name| StrategyId::new(name).expect("a valid literal");
    let symbol = Symbol::new("ETHUSDT").expect("a valid literal");
    for step in steps {
        if let Trouble::ManualHalt(scope, how) = &mut step.what {
            *scope = one_of(
                &mut random,
                &[
                    Scope::Global,
                    Scope::Global,
                    Scope::Strategy(strategy("hand")),
                    Scope::Strategy(strategy("maker")),
                    Scope::Instrument(symbol),
                ],
            );
            *how = match random.random() {
                true => FLATTEN,
                false => reaction(&mut random),
            };
        }
    }
}
