//! Who lifts a halt: a person does in every cell of the table; by itself ends only what tells of the market.

use std::time::Duration;

use super::*;

fn halts(number: usize) -> Scope {
    Scope::Strategy(format!("k{number}").parse().unwrap())
}

#[actix_rt::test]
async fn by_itself_ends_only_what_tells_of_the_market_whatever_the_policy_says() {
    let reaction = Reaction {
        resumes_after: Some(Duration::from_secs(1)),
        ..Reaction::STRICT
    };
    let kinds = FaultKind::ALL.iter();
    let policy = kinds.fold(HaltPolicy::default(), |policy, kind| {
        policy.with(*kind, reaction)
    });
    let table = Table::lay(policy).await;
    let kinds = || FaultKind::ALL.iter().copied().enumerate();
    for (number, kind) in kinds() {
        table.faults.raise(fault(kind, halts(number)));
    }
    let people: Vec<Scope> = kinds()
        .filter(|(_, kind)| !kind.is_of_market())
        .map(|(number, _)| halts(number))
        .collect();
    // The second time all others have been looked at for longer than they would have had to wait.
    for _ in 0..2 {
        for (number, kind) in kinds().filter(|(_, kind)| kind.is_of_market()) {
            table.faults.raise(fault(kind, halts(number)));
        }
        until("every halt of the market has ended", || async {
            let standing = table.running.board().restricted();
            let mut scopes = standing.iter().map(|(scope, _)| scope);
            scopes.all(|scope| people.contains(scope))
        })
        .await;
    }
    let standing = table.running.board().restricted();
    assert_eq!(standing.len(), people.len(), "a person's halts stand");
    let safety = table.running.snapshot().await.unwrap().safety;
    let of_market = kinds().filter(|(_, kind)| kind.is_of_market()).count();
    assert_eq!(safety.resumed_by_itself, 2 * of_market as u64);
    table.clear("a person lifts every one").await;
    let Table {
        running, exchange, ..
    } = table;
    stop(running, &exchange).await;
}
