//! FAULTS.md, made of the same table.

use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, HaltPolicy, Reaction};
use tripline_engine::messages::control::RestingOrders;

use super::Before;

/// FAULTS.md.
fn document() -> String {
    let mut text = "# What each fault does\n\n\
        Made from the code by `tests/fault_table.rs`, which also holds every row against a running engine in every state \
        below. This is the default; `[halt.FAULT]` in the configuration says otherwise, and `tripline selfassess` shows what \
        holds. Where several scopes stand, it is that of the actor, the request or the limit that has the fault; a policy may \
        widen it to the account or everything, and a strategy may raise any fault for itself.\n\n\
        | fault | what has happened | scope | which is then | its resting orders | alert | lifted by |\n\
        |---|---|---|---|---|---|---|\n"
        .to_owned();
    for kind in FaultKind::ALL {
        let Reaction {
            level,
            resting_orders,
            ..
        } = HaltPolicy::default().reaction(*kind);
        let orders = match resting_orders {
            RestingOrders::Cancel => "cancelled and confirmed",
            _ => "stay",
        };
        let alert = match (kind, level) {
            (FaultKind::AlertUndelivered, _) => "none: file and exit code",
            (_, HaltLevel::Active) => "warning",
            _ => "critical",
        };
        let scopes: Vec<_> = kind.scopes().iter().map(ToString::to_string).collect();
        let (meaning, scopes) = (kind.meaning(), scopes.join(", "));
        let lifted = match (level, kind.is_of_market()) {
            (HaltLevel::Active, _) => "–",
            (_, true) => "a person, or itself with `resume = \"auto\"`",
            (_, false) => "a person",
        };
        text += &format!(
            "| `{kind}` | {meaning} | {scopes} | {level} | {orders} | {alert} | {lifted} |\n"
        );
    }
    text += "\n## What becomes of an order\n\n\
        | when the fault comes there is | where orders are cancelled | where they stay |\n|---|---|---|\n";
    for before in Before::ALL {
        text += &format!("| {} |\n", before.row().join(" | "));
    }
    text += "\nThe level of a scope is the strictest of its incidents. A fault of a scope that is halted already is one more incident, \
        which a person has to name to resume. \
        A halt ends by itself only when every incident of it is of such a kind and so configured; another kind with \
        `resume = \"auto\"` is refused at the start.\n";
    text
}

#[test]
fn faults_md_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FAULTS.md");
    if std::env::var_os("TRIPLINE_WRITE_FAULTS").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document(),
        "FAULTS.md is not what the code says: run this test with TRIPLINE_WRITE_FAULTS=1 to write it"
    );
}
