use super::*;
use crate::ids::Asset;
use crate::journal::{Compared, JournalRecord, JournalState, Occasion, Reconciliation};
use crate::messages::account::BalanceMoved;
use crate::messages::order::Execution;

fn asset(name: &str) -> Asset {
    name.parse().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn free(name: &str, amount: &str) -> Balance {
    Balance {
        asset: asset(name),
        free: decimal(amount),
        locked: Decimal::ZERO,
    }
}

/// A desk whose account began with 1 BTC, 1000 USDT and 1 BNB, and what the venue shows of it.
struct Account {
    bench: Bench,
    shown: Vec<Balance>,
    records: Vec<(Timestamp, JournalRecord)>,
    done: Vec<(Reconciliation, Compared)>,
    faults: Vec<Fault>,
}

impl Account {
    fn new() -> Self {
        let shown = vec![free("BTC", "1"), free("USDT", "1000"), free("BNB", "1")];
        Self::on(Bench::unasked(), shown)
    }

    fn on(bench: Bench, shown: Vec<Balance>) -> Self {
        let mut this = Self {
            bench,
            shown,
            records: Vec::new(),
            done: Vec::new(),
            faults: Vec::new(),
        };
        let now = this.bench.now;
        this.bench.desk.private_stream_up(now, &mut this.bench.out);
        this.settle();
        this
    }

    fn set(&mut self, name: &str, amount: &str) {
        let known = self.shown.iter_mut().find(|one| one.asset == asset(name));
        *known.unwrap() = free(name, amount);
    }

    /// What the desk did since, and how often it asked for the balances.
    fn take(&mut self) -> Vec<(RoundId, Question)> {
        let asked = self.bench.asked();
        for effect in self.bench.out.drain(..) {
            match effect {
                Effect::Record(record) => self.records.push((self.bench.now, record)),
                Effect::Reconciled(done) => {
                    self.records.push((self.bench.now, done.clone().into()));
                    self.done.push((done.outcome, done.balances));
                }
                Effect::Raise(fault) => {
                    let incident = self.bench.board.trip(fault.clone(), &HaltPolicy::default());
                    let epoch = self.bench.board.standing(&fault.scope).unwrap().epoch;
                    let halted = crate::journal::Halted { incident, epoch };
                    self.records.push((self.bench.now, halted.into()));
                    self.faults.push(fault);
                }
                _ => {}
            }
        }
        asked
    }

    /// Answers what is asked until nothing is; returns how often the balances were asked for.
    fn answer(&mut self) -> u32 {
        let mut looks = 0;
        loop {
            let asked = self.take();
            if asked.is_empty() {
                return looks;
            }
            for (round, question) in asked {
                let shown = match question {
                    Question::Balances => {
                        looks += 1;
                        Shown::Balances(AccountBalances {
                            balances: self.shown.clone(),
                            updated: None,
                        })
                    }
                    other => self.bench.believed(other),
                };
                self.bench.tell(round, question, Ok(shown));
            }
        }
    }

    /// Lets time pass until the reconciliation under way has ended; returns the looks at the balances.
    fn settle(&mut self) -> u32 {
        let mut looks = self.answer();
        for _ in 0..200 {
            if !self.bench.desk.is_reconciling() {
                return looks;
            }
            self.bench.pass(Duration::from_millis(500));
            looks += self.answer();
        }
        panic!("it does not end");
    }

    fn reconcile(&mut self, occasion: Occasion) -> u32 {
        let now = self.bench.now;
        self.bench
            .desk
            .reconcile(occasion, now, &mut self.bench.out);
        self.settle()
    }

    fn resume(&mut self, drift_seen: bool) {
        let now = self.bench.now;
        let out = &mut self.bench.out;
        self.bench.desk.reconcile_to_resume(drift_seen, now, out);
        self.settle();
    }

    fn moved(&mut self, name: &str, change: &str, at: i64) {
        let moved = BalanceMoved {
            account: self.bench.desk.account(),
            asset: asset(name),
            change: decimal(change),
            at: Timestamp::from_millis(at),
        };
        let now = self.bench.now;
        self.bench.desk.moved(&moved, now, &mut self.bench.out);
        self.answer();
    }

    fn fill(&self, trade: u64, size: &str, fee: &str, fee_asset: &str) -> Fill {
        Fill {
            fee: decimal(fee),
            fee_asset: Some(asset(fee_asset)),
            at: self.bench.now,
            ..fill(trade, size)
        }
    }

    /// The event of a fill of an order that was placed by hand.
    fn foreign(&mut self, traded: &str, side: Side, fill: Fill) {
        let id = ClientOrderId::new("web_1").unwrap();
        let report = OrderReport {
            symbol: symbol(traded),
            side: Some(side),
            terms: None,
            fills: vec![fill],
            source: ReportSource::Event,
            ..self.bench.shown(id, VenueStatus::PartiallyFilled, "1")
        };
        let now = self.bench.now;
        self.bench.desk.report(report, now, &mut self.bench.out);
    }

    fn last(&self) -> &(Reconciliation, Compared) {
        self.done.last().unwrap()
    }

    fn agrees(&self) -> bool {
        self.faults.is_empty() && *self.last() == (Reconciliation::Agreed, Compared::Equal)
    }

    fn expected(&self, name: &str) -> Decimal {
        self.bench.desk.expected_balances().unwrap()[&asset(name)]
    }

    fn state(&self) -> JournalState {
        JournalState::fold(self.records.iter().map(|(at, record)| (*at, record)))
    }

    /// The next run, on what the journal tells.
    fn restart(mut self) -> Self {
        self.take();
        let state = self.state();
        let mut bench = Bench::unasked();
        bench.now = self.bench.now;
        bench.board = HaltBoard::restored(state.halts.scopes(), state.halts.last_incident());
        bench.desk.board = bench.board.clone();
        let now = bench.now;
        bench.desk.restore(state, now, &mut bench.out);
        let mut next = Self::on(bench, self.shown);
        next.records.splice(0..0, self.records);
        next
    }
}

#[test]
fn the_first_word_is_the_beginning_and_what_follows_is_held_against_it() {
    let mut account = Account::new();
    assert_eq!(*account.last(), (Reconciliation::Agreed, Compared::Begun));
    assert_eq!(account.reconcile(Occasion::Periodic), 1);
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn own_fills_with_their_fees_are_what_the_venue_must_show() {
    let mut account = Account::new();
    let id = account.bench.working();
    let fills = [
        account.fill(1, "1", "0.001", "BTC"),
        account.fill(2, "1", "0.0007", "BNB"),
    ];
    account.bench.event(id, VenueStatus::Filled, "2", &fills);
    account.set("BTC", "2.999");
    account.set("USDT", "980");
    account.set("BNB", "0.9993");
    account.reconcile(Occasion::Periodic);
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn a_drift_that_stays_is_a_fault_of_the_account_that_shows_both_sides() {
    let mut account = Account::new();
    account.set("BTC", "0.99999999");
    let (began, looks) = (account.bench.now, account.reconcile(Occasion::Periodic));
    assert!(looks >= 2, "one look is not enough: {looks}");
    assert!(account.bench.now.saturating_since(began) >= SETTLE);
    let [fault] = account.faults.as_slice() else {
        panic!("{:?}", account.faults)
    };
    assert_eq!(fault.kind, FaultKind::BalanceDrift);
    assert_eq!(fault.scope, Scope::Account(account.bench.desk.account()));
    let both = "BTC: 1 expected, 0.99999999 found, difference -0.00000001";
    assert!(fault.detail.contains(both), "{}", fault.detail);
    assert!(matches!(
        account.last(),
        (Reconciliation::Failed { .. }, Compared::Differ(_))
    ));
    account.reconcile(Occasion::Periodic);
    assert_eq!(account.faults.len(), 1, "the same is not told twice");
    account.set("BTC", "0.5");
    account.reconcile(Occasion::Periodic);
    assert_eq!(account.faults.len(), 2, "another one is");
}

#[test]
fn an_asset_that_is_not_watched_moves_as_it_likes() {
    let mut account = Account::new();
    account.bench.desk.unwatched([asset("BNB")].into());
    account.set("BNB", "1.00000007");
    account.reconcile(Occasion::Periodic);
    assert!(account.agrees(), "{:?}", account.done);
    account.set("USDT", "999");
    account.reconcile(Occasion::Periodic);
    assert!(matches!(&account.last().1, Compared::Differ(drifts) if drifts.len() == 1));
}

#[test]
fn a_difference_that_a_late_event_explains_is_no_drift() {
    let mut account = Account::new();
    account.set("USDT", "1500");
    let now = account.bench.now;
    let out = &mut account.bench.out;
    account.bench.desk.reconcile(Occasion::Periodic, now, out);
    account.answer();
    assert!(account.bench.desk.is_reconciling());
    account.moved("USDT", "500", 7);
    account.settle();
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn movements_from_outside_count_once_each() {
    let mut account = Account::new();
    for (change, at) in [("5", 1), ("5", 1), ("5", 2), ("-2.5", 2)] {
        account.moved("USDT", change, at);
    }
    assert_eq!(account.expected("USDT"), decimal("1007.5"));
    account.set("USDT", "1007.5");
    account.reconcile(Occasion::Periodic);
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn fills_of_orders_that_are_not_ours_count() {
    let mut account = Account::new();
    let bought = account.fill(11, "1", "0.001", "BNB");
    let sold = account.fill(12, "0.5", "0.05", "USDT");
    account.foreign("BTCUSDT", Side::Buy, bought.clone());
    account.foreign("BTCUSDT", Side::Buy, bought);
    account.foreign("BTCUSDT", Side::Sell, sold);
    account.set("BTC", "1.5");
    account.set("USDT", "994.95");
    account.set("BNB", "0.999");
    account.reconcile(Occasion::Periodic);
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn an_instrument_that_nobody_trades_here_is_asked_for_before_its_fills_count() {
    let mut account = Account::new();
    let fill = account.fill(11, "1", "0", "BNB");
    account.foreign("SOLUSDT", Side::Buy, fill);
    let learn = |effect: &Effect| matches!(effect, Effect::Learn { .. });
    assert_eq!(account.bench.out.iter().filter(|one| learn(one)).count(), 1);
    account.set("USDT", "990");
    account.reconcile(Occasion::Periodic);
    assert!(
        matches!(account.last().1, Compared::Unclear(_)),
        "{:?}",
        account.done
    );
    let sol = Instrument {
        base: asset("SOL"),
        ..instrument("SOLUSDT")
    };
    let (now, out) = (account.bench.now, &mut account.bench.out);
    account
        .bench
        .desk
        .learnt(symbol("SOLUSDT"), Err(unknown_outcome()), now, out);
    account
        .bench
        .desk
        .learnt(symbol("SOLUSDT"), Ok(vec![sol]), now, out);
    account.shown.push(free("SOL", "1"));
    account.reconcile(Occasion::Periodic);
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn a_failed_reading_is_asked_again_and_never_read_as_nothing() {
    let mut account = Account::new();
    let now = account.bench.now;
    let out = &mut account.bench.out;
    account.bench.desk.reconcile(Occasion::Periodic, now, out);
    for _ in 0..20 {
        for (round, question) in account.take() {
            let answer = match question {
                Question::Balances => Err(unknown_outcome()),
                other => Ok(account.bench.believed(other)),
            };
            account.bench.tell(round, question, answer);
        }
        account.bench.pass(Duration::from_millis(500));
    }
    assert!(account.bench.desk.is_reconciling());
    let kinds: Vec<_> = account.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::UnknownOutcome], "told once");
    account.settle();
    assert_eq!(account.last().1, Compared::Equal);
}

#[test]
fn only_what_a_person_has_looked_at_is_taken_over() {
    let mut account = Account::new();
    account.set("BTC", "0.9");
    account.reconcile(Occasion::Periodic);
    account.resume(false);
    assert!(matches!(account.last(), (Reconciliation::Failed { .. }, _)));
    account.set("BTC", "0.8");
    account.resume(true);
    assert!(
        matches!(account.last().1, Compared::Differ(_)),
        "another than was seen"
    );
    account.resume(true);
    let (outcome, compared) = account.last().clone();
    assert!(matches!(compared, Compared::TakenOver(_)), "{compared:?}");
    let Reconciliation::Differed { details } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(details[0].contains("0.8 found"), "{details:?}");
    account.faults.clear();
    account.reconcile(Occasion::Periodic);
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn the_next_run_goes_on_from_what_the_account_held() {
    let mut account = Account::new();
    let id = account.bench.working();
    let own = account.fill(1, "2", "0.002", "BTC");
    account.bench.event(id, VenueStatus::Filled, "2", &[own]);
    let foreign = account.fill(2, "1", "0", "BNB");
    account.foreign("BTCUSDT", Side::Sell, foreign);
    account.moved("USDT", "100", 3);
    account.take();
    let told = account.state().balances.sheet(account.bench.desk.account());
    assert_eq!(told.expected(), account.bench.desk.expected_balances());
    account.set("BTC", "1.998");
    account.set("USDT", "1090");
    let next = account.restart();
    assert!(next.agrees(), "{:?}", next.done);
}

#[test]
fn what_moved_while_no_engine_ran_is_told_and_taken_over_when_a_person_has_looked() {
    let mut account = Account::new();
    account.set("USDT", "900");
    let mut next = account.restart();
    assert_eq!(next.faults.len(), 1, "{:?}", next.done);
    next.resume(true);
    assert!(matches!(next.last().1, Compared::TakenOver(_)));
    next.faults.clear();
    let again = next.restart();
    assert!(again.agrees(), "{:?}", again.done);
}

#[test]
fn a_drift_whose_halt_stands_since_an_earlier_run_is_not_told_again() {
    let mut account = Account::new();
    account.set("USDT", "900");
    account.reconcile(Occasion::Periodic);
    assert_eq!(account.faults.len(), 1);
    let mut next = account.restart();
    assert!(next.faults.is_empty(), "{:?}", next.faults);
    assert!(matches!(next.last().1, Compared::Differ(_)));
    next.resume(true);
    assert!(matches!(next.last().1, Compared::TakenOver(_)));
}

#[test]
fn an_older_word_does_not_undo_a_newer_one() {
    let mut account = Account::new();
    let told = |account: &mut Account, amount: &str, at: i64| {
        let at = account
            .bench
            .now
            .checked_add(Duration::from_millis(at as u64))
            .unwrap();
        account.bench.out.clear();
        let (later, out) = (
            at.checked_add(Duration::from_secs(1)).unwrap(),
            &mut account.bench.out,
        );
        account
            .bench
            .desk
            .balances_shown(&[free("BTC", amount)], at, later, out);
        account.bench.did_balances()
    };
    assert_eq!(told(&mut account, "3", 20), [free("BTC", "3")]);
    assert_eq!(told(&mut account, "2", 10), []);
    assert_eq!(told(&mut account, "4", 20), [free("BTC", "4")]);
    // An answer that was asked for before.
    account.reconcile(Occasion::Periodic);
    assert_eq!(told(&mut account, "5", 19), []);
}

#[test]
fn a_word_of_a_clock_that_was_ahead_does_not_outlast_it() {
    let mut account = Account::new();
    let told = |account: &mut Account, amount: &str, ahead: Duration| {
        let now = account.bench.now;
        let at = now.checked_add(ahead).unwrap();
        account.bench.out.clear();
        let (desk, out) = (&mut account.bench.desk, &mut account.bench.out);
        desk.balances_shown(&[free("BTC", amount)], at, now, out);
        account.bench.did_balances()
    };
    let hour = Duration::from_secs(3600);
    assert_eq!(told(&mut account, "3", hour), [free("BTC", "3")]);
    assert_eq!(told(&mut account, "4", Duration::ZERO), [free("BTC", "4")]);
}

#[test]
fn a_trade_of_the_last_minute_before_the_first_word_is_in_it() {
    let mut bench = Bench::unasked();
    let now = bench.now;
    bench.desk.private_stream_up(now, &mut bench.out);
    let execution = Execution {
        order: VenueOrderId(70),
        side: Side::Buy,
        fill: Fill {
            at: now.checked_sub(Duration::from_secs(10)).unwrap(),
            ..fill(5, "1")
        },
    };
    for (round, question) in bench.asked() {
        let shown = match question {
            Question::Trades(of, _) if of == symbol("BTCUSDT") => {
                Shown::Trades(vec![execution.clone()])
            }
            other => bench.believed(other),
        };
        bench.tell(round, question, Ok(shown));
    }
    let mut account = Account {
        bench,
        shown: vec![free("BTC", "1"), free("USDT", "1000")],
        records: Vec::new(),
        done: Vec::new(),
        faults: Vec::new(),
    };
    account.settle();
    account.foreign("BTCUSDT", Side::Buy, execution.fill.clone());
    let late = Fill {
        at: now.checked_sub(Duration::from_secs(3600)).unwrap(),
        ..fill(4, "1")
    };
    account.foreign("BTCUSDT", Side::Buy, late);
    account.reconcile(Occasion::Periodic);
    assert!(account.agrees(), "{:?}", account.done);
}

#[test]
fn an_account_on_which_something_moves_all_the_time_is_left_to_the_next_time() {
    let mut account = Account::new();
    let now = account.bench.now;
    let out = &mut account.bench.out;
    account.bench.desk.reconcile(Occasion::Periodic, now, out);
    for at in 0..200 {
        if !account.bench.desk.is_reconciling() {
            break;
        }
        let asked = account.take();
        let moved = BalanceMoved {
            account: account.bench.desk.account(),
            asset: asset("BTC"),
            change: decimal("0.1"),
            at: Timestamp::from_millis(at),
        };
        let out = &mut account.bench.out;
        account.bench.desk.moved(&moved, now, out);
        for (round, question) in asked {
            let shown = account.bench.believed(question);
            account.bench.tell(round, question, Ok(shown));
        }
        account.bench.pass(Duration::from_millis(500));
    }
    account.take();
    assert!(matches!(
        account.last(),
        (Reconciliation::Agreed, Compared::Unclear(_))
    ));
    assert!(account.faults.is_empty());
}
