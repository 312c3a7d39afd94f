use super::*;
use crate::fault::{Fault, FaultKind, IncidentId};
use crate::messages::control::{RestingOrders, Resume};
use crate::time::Timestamp;

fn fault(kind: FaultKind, scope: Scope) -> Fault {
    Fault {
        kind,
        scope,
        actor: "test".into(),
        detail: "made".into(),
        at: Timestamp::from_millis(1),
    }
}

fn member(strategy: &str, instruments: &[&str]) -> Membership {
    Membership {
        strategy: StrategyId::new(strategy).unwrap(),
        account: AccountId::new("main").unwrap(),
        venue: VenueId::new("binance").unwrap(),
        instruments: instruments
            .iter()
            .map(|symbol| Symbol::new(symbol).unwrap())
            .collect(),
    }
}

#[test]
fn a_halt_reaches_exactly_the_strategies_in_its_scope() {
    let (a, b) = (member("a", &["BTCUSDT"]), member("b", &["ETHUSDT"]));
    let cases = [
        (Scope::Strategy(a.strategy), true, false),
        (
            Scope::Instrument(Symbol::new("ETHUSDT").unwrap()),
            false,
            true,
        ),
        (Scope::Account(a.account), true, true),
        (Scope::Venue(a.venue), true, true),
        (Scope::Global, true, true),
    ];
    for (scope, first, second) in cases {
        let board = HaltBoard::new();
        board.trip(fault(FaultKind::Network, scope), &HaltPolicy::default());
        let halted = |member| board.level(member) == HaltLevel::Halted;
        assert_eq!((halted(&a), halted(&b)), (first, second), "{scope}");
    }
}

#[test]
fn the_strictest_level_applies_and_the_first_fault_is_kept() {
    let board = HaltBoard::new();
    let reduce = Reaction::new(HaltLevel::ReduceOnly, RestingOrders::Keep);
    let policy = HaltPolicy::default().with(FaultKind::StaleData, reduce);
    let first = board.trip(fault(FaultKind::StaleData, Scope::Global), &policy);
    assert_eq!(board.level(&member("a", &[])), HaltLevel::ReduceOnly);
    board.trip(fault(FaultKind::Banned, Scope::Global), &policy);
    board.trip(fault(FaultKind::StaleData, Scope::Global), &policy);
    let standing = board.standing(&Scope::Global).unwrap();
    assert_eq!(
        (standing.level, &standing.incidents[0]),
        (HaltLevel::Halted, &first)
    );
}

#[test]
fn a_flood_of_faults_keeps_the_first_and_counts_all() {
    let board = HaltBoard::new();
    let policy = HaltPolicy::default();
    let first = board.trip(fault(FaultKind::Network, Scope::Global), &policy);
    for _ in 0..1000 {
        board.trip(fault(FaultKind::Timeout, Scope::Global), &policy);
    }
    let standing = board.standing(&Scope::Global).unwrap();
    assert_eq!(
        (standing.incidents.len(), standing.epoch),
        (INCIDENTS_KEPT, 1001)
    );
    assert_eq!(standing.incidents[0], first);
}

#[test]
fn a_restored_board_halts_and_counts_on() {
    let board = HaltBoard::new();
    let policy = HaltPolicy::default();
    let first = board.trip(fault(FaultKind::Network, Scope::Global), &policy);
    let restored = HaltBoard::restored(board.restricted(), first.id);
    assert_eq!(restored.level(&member("a", &[])), HaltLevel::Halted);
    let second = restored.trip(fault(FaultKind::Timeout, Scope::Global), &policy);
    assert_eq!(second.id, IncidentId(2));
    let standing = restored.standing(&Scope::Global).unwrap();
    assert_eq!(
        (standing.epoch, standing.incidents),
        (2, vec![first, second])
    );
}

#[test]
fn a_resume_that_did_not_see_the_latest_incident_is_refused() {
    let board = HaltBoard::new();
    let policy = HaltPolicy::default();
    let incident = board.trip(fault(FaultKind::Network, Scope::Global), &policy);
    let mut resume = Resume {
        scope: Scope::Global,
        incidents: vec![incident.id],
        epoch: 1,
        reason: "checked".into(),
        who: "ann".into(),
    };
    let later = board.trip(fault(FaultKind::Timeout, Scope::Global), &policy);
    assert_eq!(
        board.lift(&resume),
        Err(ResumeRefused::OtherEpoch {
            scope: Scope::Global,
            seen: 1,
            now: 2
        })
    );
    resume.epoch = 2;
    assert_eq!(
        board.lift(&resume),
        Err(ResumeRefused::NotNamed {
            scope: Scope::Global,
            id: later.id
        })
    );
    resume.incidents.push(later.id);
    assert_eq!(
        board.lift(&Resume {
            reason: " ".into(),
            ..resume.clone()
        }),
        Err(ResumeRefused::NoReason)
    );
    assert_eq!(board.lift(&resume), Ok(()));
    assert_eq!(board.level(&member("a", &[])), HaltLevel::Active);
    assert_eq!(
        board.lift(&resume),
        Err(ResumeRefused::NotHalted {
            scope: Scope::Global
        })
    );
}

#[test]
fn what_only_tells_never_takes_the_place_of_what_halts() {
    let board = HaltBoard::new();
    let policy = HaltPolicy::default();
    for _ in 0..2 * INCIDENTS_KEPT {
        board.trip(fault(FaultKind::OrderAge, Scope::Global), &policy);
    }
    assert_eq!(board.standing(&Scope::Global).unwrap().incidents.len(), 1);
    let halt = board.trip(fault(FaultKind::LossLimit, Scope::Global), &policy);
    let standing = board.standing(&Scope::Global).unwrap();
    assert_eq!(
        (standing.epoch, standing.incidents.last()),
        (2, Some(&halt))
    );
}

#[test]
fn a_stricter_incident_is_kept_however_many_there_are() {
    let board = HaltBoard::new();
    let policy = HaltPolicy::default();
    for _ in 0..2 * INCIDENTS_KEPT {
        board.trip(fault(FaultKind::LossReduce, Scope::Global), &policy);
    }
    let halt = board.trip(fault(FaultKind::LossLimit, Scope::Global), &policy);
    let standing = board.standing(&Scope::Global).unwrap();
    assert_eq!(standing.incidents.last(), Some(&halt));
}

#[test]
fn each_level_lets_through_exactly_its_own() {
    use HaltLevel::{Active, Halted, ReduceOnly};
    use Purpose::{Entry, Exit, Reduce};
    let lets = |level: HaltLevel| [Entry, Reduce, Exit].map(|purpose| level.lets(purpose, false));
    assert_eq!(lets(Active), [true, true, false]);
    assert_eq!(lets(ReduceOnly), [false, true, false]);
    assert_eq!(lets(Halted), [false, false, false]);
    for level in [Active, ReduceOnly, Halted] {
        assert!(level.lets(Exit, true), "{level}");
        assert_eq!(level.lets(Entry, true), level.lets(Entry, false), "{level}");
        assert_eq!(
            level.lets(Reduce, true),
            level.lets(Reduce, false),
            "{level}"
        );
    }
}

#[test]
fn the_gate_goes_by_what_an_order_is_for_and_by_the_flatten_of_its_own_strategy() {
    let board = HaltBoard::new();
    let a = Gate::new(board.clone(), std::sync::Arc::new(member("a", &[])));
    let b = Gate::new(board.clone(), std::sync::Arc::new(member("b", &[])));
    board.trip(
        fault(FaultKind::Manual, Scope::Global),
        &HaltPolicy::default(),
    );
    board.begin_flatten(a.membership().strategy);
    assert_eq!(a.held(), Some(HaltLevel::Halted));
    assert_eq!(a.to(Purpose::Reduce).held(), Some(HaltLevel::Halted));
    assert_eq!(a.to(Purpose::Exit).held(), None);
    assert_eq!(b.to(Purpose::Exit).held(), Some(HaltLevel::Halted));
    board.end_flatten(a.membership().strategy);
    assert_eq!(a.to(Purpose::Exit).held(), Some(HaltLevel::Halted));
}

#[test]
fn a_reaction_widens_a_faults_scope_and_never_narrows_it() {
    let account = Scope::Account(AccountId::new("main").unwrap());
    let wide = Reaction {
        scope: Some(account),
        ..Reaction::STRICT
    };
    let policy = HaltPolicy::default().with(FaultKind::StrategyError, wide);
    let strategy = Scope::Strategy(StrategyId::new("a").unwrap());
    let cases = [
        (strategy, account),
        (account, account),
        (
            Scope::Venue(VenueId::new("binance").unwrap()),
            Scope::Venue(VenueId::new("binance").unwrap()),
        ),
        (Scope::Global, Scope::Global),
    ];
    for (raised, halted) in cases {
        let board = HaltBoard::new();
        let incident = board.trip(fault(FaultKind::StrategyError, raised), &policy);
        assert_eq!(incident.fault.scope, halted, "{raised}");
        assert_eq!(board.restricted()[0].0, halted, "{raised}");
        assert_eq!(
            incident.fault.detail.contains("strategy a"),
            raised == strategy
        );
    }
}

#[test]
fn a_halt_ends_by_itself_only_if_every_incident_of_it_does() {
    use std::time::Duration;
    let after = |seconds| Reaction {
        resumes_after: Some(Duration::from_secs(seconds)),
        ..Reaction::STRICT
    };
    let policy = HaltPolicy::default()
        .with(FaultKind::StaleData, after(5))
        .with(FaultKind::Network, after(9))
        // Configuration refuses this; the board does too.
        .with(FaultKind::StrategyError, after(1));
    let halted_by = |kinds: &[FaultKind]| {
        let board = HaltBoard::new();
        for kind in kinds {
            board.trip(fault(*kind, Scope::Global), &policy);
        }
        board.standing(&Scope::Global).unwrap().resumes_after()
    };
    let (stale, network) = (FaultKind::StaleData, FaultKind::Network);
    assert_eq!(halted_by(&[stale]), Some(Duration::from_secs(5)));
    assert_eq!(
        halted_by(&[stale, network, stale]),
        Some(Duration::from_secs(9))
    );
    assert_eq!(halted_by(&[stale, FaultKind::Manual]), None);
    assert_eq!(halted_by(&[FaultKind::StrategyError]), None);
    assert_eq!(
        halted_by(&[stale; INCIDENTS_KEPT]),
        None,
        "what came after is not known"
    );
}
