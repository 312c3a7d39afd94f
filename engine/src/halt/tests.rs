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
    let reduce = Reaction {
        level: HaltLevel::ReduceOnly,
        resting_orders: RestingOrders::Keep,
    };
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
