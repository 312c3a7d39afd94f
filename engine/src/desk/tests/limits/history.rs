//! Random histories of orders, acknowledgements, fills, cancels, losses and time, and a record of all of it that
//! owes nothing to what the desk remembers.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::*;

const NAMES: [&str; 2] = ["a", "b"];
const TRADED: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

/// One thing that happens; indexes are taken modulo what there is.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Place(Wish),
    Acknowledged(usize),
    Refused(usize),
    NotSent(usize),
    Lost(usize),
    Found(usize),
    NeverArrived(usize),
    Filled(usize, i64),
    /// The venue shows more executed, and its fills are not told yet.
    Executed(usize, i64),
    FillsFetched(usize),
    Canceled(usize),
    Reduced(usize),
    Price(usize, i64),
    Passed(u64),
}

/// An order that somebody wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) name: usize,
    pub(super) traded: usize,
    pub(super) side: Side,
    pub(super) is_market: bool,
    pub(super) size: i64,
    /// In tenths.
    pub(super) at: i64,
}

impl Wish {
    pub(super) fn terms(&self) -> NewOrder {
        let traded = symbol(TRADED[self.traded]);
        let size = Quantity::new(self.size.into()).unwrap();
        let at = Price::new(Decimal::new(self.at, 1)).unwrap();
        match self.is_market {
            true => NewOrder::market(traded, self.side, size),
            false => NewOrder::limit(traded, self.side, size, at),
        }
    }
}

/// An order that went out.
#[derive(Debug, Clone)]
pub(super) struct Known {
    id: ClientOrderId,
    pub(super) wish: Wish,
    pub(super) sent: Timestamp,
    pub(super) quantity: Decimal,
    pub(super) executed: Decimal,
    pub(super) is_open: bool,
    pub(super) is_uncertain: bool,
    is_shown: bool,
    trades: Vec<Fill>,
    /// When each fill was told.
    pub(super) told: Vec<Timestamp>,
}

impl Known {
    pub(super) fn filled(&self) -> Decimal {
        let told = self.trades.iter().take(self.told.len());
        told.map(|fill| fill.quantity.value()).sum()
    }

    /// What may still be added to the position.
    pub(super) fn pending(&self) -> Decimal {
        match self.is_open {
            true => self.quantity - self.filled(),
            false => self.executed - self.filled(),
        }
    }

    fn is_waiting(&self) -> bool {
        self.is_open && !self.is_shown && !self.is_uncertain
    }
}

/// What has happened.
pub(super) struct History {
    bench: Bench,
    pub(super) orders: Vec<Known>,
    pub(super) prices: [Decimal; 2],
    /// When a strategy was last halted by a rule of repetition or drift: name, instrument, side, and how many
    /// orders and fills there were.
    pub(super) halts: Vec<(Wish, usize, Timestamp)>,
    trade: u64,
    pub(super) now: Timestamp,
}

/// What an oracle says of a wish: the rule that must deny it.
pub(super) type Judge = fn(&History, &Wish) -> Option<Rule>;

impl History {
    fn new(given: &[&str]) -> Self {
        let bench = Bench::limited(given);
        Self {
            now: bench.now,
            bench,
            orders: Vec::new(),
            prices: [Decimal::TEN; 2],
            halts: Vec::new(),
            trade: 0,
        }
    }

    fn chosen(&mut self, at: usize, fits: fn(&Known) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.orders.len())
            .filter(|one| fits(&self.orders[*one]))
            .collect();
        (!fitting.is_empty()).then(|| fitting[at % fitting.len()])
    }

    /// The event of an order as it is now, with the fills that are told by it.
    fn event(&mut self, at: usize, status: VenueStatus, fills: &[Fill]) {
        let known = &self.orders[at];
        let (id, quantity) = (known.id, Quantity::new(known.quantity).unwrap());
        let report = OrderReport {
            source: ReportSource::Event,
            quantity,
            fills: fills.to_vec(),
            venue_id: VenueOrderId(at as u64 + 1),
            ..self.bench.shown(id, status, &known.executed.to_string())
        };
        self.bench
            .desk
            .report(report, self.now, &mut self.bench.out);
        let known = &mut self.orders[at];
        (known.is_shown, known.is_uncertain) = (true, false);
    }

    /// Executes some of an order: the trade, and the status that the order has then.
    fn execute(&mut self, at: usize, size: i64) -> (Fill, VenueStatus) {
        self.trade += 1;
        let known = &mut self.orders[at];
        let left = known.quantity - known.executed;
        let size = Decimal::from(size).min(left);
        known.executed += size;
        let trade = fill(self.trade, &size.to_string());
        known.trades.push(trade.clone());
        let is_whole = known.executed == known.quantity;
        known.is_open = !is_whole;
        let status = match is_whole {
            true => VenueStatus::Filled,
            false => VenueStatus::PartiallyFilled,
        };
        (trade, status)
    }

    fn act(&mut self, op: &Op) {
        let waiting = Known::is_waiting;
        let open: fn(&Known) -> bool = |known| known.is_open;
        let uncertain: fn(&Known) -> bool = |known| known.is_uncertain;
        match *op {
            Op::Place(_) => {}
            Op::Acknowledged(at) => {
                if let Some(at) = self.chosen(at, |known| {
                    known.is_open && known.told.is_empty() && known.executed.is_zero()
                }) {
                    self.event(at, VenueStatus::New, &[]);
                }
            }
            Op::Refused(at) => {
                if let Some(at) = self.chosen(at, waiting) {
                    self.bench.answer(self.orders[at].id, Err(rejected(-2010)));
                    self.orders[at].is_open = false;
                }
            }
            Op::NotSent(at) => {
                if let Some(at) = self.chosen(at, waiting) {
                    let outcome = PlaceOutcome::NotSent(VenueError::Network("no".into()));
                    let id = self.orders[at].id;
                    self.bench
                        .desk
                        .placed(id, outcome, self.now, &mut self.bench.out);
                    self.orders[at].is_open = false;
                }
            }
            Op::Lost(at) => {
                if let Some(at) = self.chosen(at, waiting) {
                    self.bench
                        .answer(self.orders[at].id, Err(unknown_outcome()));
                    self.orders[at].is_uncertain = true;
                }
            }
            Op::Found(at) => {
                if let Some(at) = self.chosen(at, uncertain) {
                    self.event(at, VenueStatus::New, &[]);
                }
            }
            Op::NeverArrived(at) => {
                if let Some(at) = self.chosen(at, uncertain) {
                    self.pass(7_000);
                    let id = self.orders[at].id;
                    self.bench.not_found(id);
                    self.bench.not_found(id);
                    assert_eq!(self.bench.state(id), OrderState::Rejected);
                    (self.orders[at].is_open, self.orders[at].is_uncertain) = (false, false);
                }
            }
            Op::Filled(at, size) => {
                if let Some(at) = self.chosen(at, |known| {
                    known.is_open && known.told.len() == known.trades.len()
                }) {
                    let (trade, status) = self.execute(at, size);
                    self.orders[at].told.push(self.now);
                    self.event(at, status, &[trade]);
                }
            }
            Op::Executed(at, size) => {
                if let Some(at) = self.chosen(at, open) {
                    let (_, status) = self.execute(at, size);
                    self.event(at, status, &[]);
                }
            }
            Op::FillsFetched(at) => {
                if let Some(at) = self.chosen(at, |known| known.told.len() < known.trades.len()) {
                    let (id, trades) = (self.orders[at].id, self.orders[at].trades.clone());
                    let known = &mut self.orders[at];
                    known.told.resize(trades.len(), self.now);
                    self.bench.fills(id, Ok(trades));
                }
            }
            Op::Canceled(at) => {
                if let Some(at) = self.chosen(at, open) {
                    self.orders[at].is_open = false;
                    self.event(at, VenueStatus::Canceled, &[]);
                }
            }
            Op::Reduced(at) => {
                if let Some(at) = self.chosen(at, |known| {
                    known.is_open
                        && known.is_shown
                        && known.quantity - known.executed > Decimal::ONE
                }) {
                    self.orders[at].quantity -= Decimal::ONE;
                    let is_new = self.orders[at].executed.is_zero();
                    let status = if is_new {
                        VenueStatus::New
                    } else {
                        VenueStatus::PartiallyFilled
                    };
                    self.event(at, status, &[]);
                }
            }
            Op::Price(traded, at) => {
                let at = Decimal::new(at, 1);
                self.prices[traded] = at;
                let at = Some(Price::new(at).unwrap());
                self.bench.desk.set_reference(symbol(TRADED[traded]), at);
            }
            Op::Passed(millis) => self.pass(millis),
        }
    }

    fn pass(&mut self, millis: u64) {
        self.bench.wait(millis);
        self.now = self.bench.now;
    }

    /// Places what is wished, and tells the rule that denied it.
    fn place(&mut self, wish: &Wish) -> Result<(), DenialReason> {
        let id = self.bench.place_terms(NAMES[wish.name], wish.terms())?;
        self.orders.push(Known {
            id,
            wish: *wish,
            sent: self.now,
            quantity: wish.size.into(),
            executed: Decimal::ZERO,
            is_open: true,
            is_uncertain: false,
            is_shown: false,
            trades: Vec::new(),
            told: Vec::new(),
        });
        Ok(())
    }
}

fn wish() -> impl Strategy<Value = Wish> {
    let side = prop::sample::select(vec![Side::Buy, Side::Sell]);
    (0usize..2, 0usize..2, side, 0u8..6, 1i64..5, 90i64..111).prop_map(
        |(name, traded, side, market, size, at)| Wish {
            name,
            traded,
            side,
            is_market: market == 0,
            size,
            at,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => wish().prop_map(Op::Place),
        5 => any::<usize>().prop_map(Op::Acknowledged),
        1 => any::<usize>().prop_map(Op::Refused),
        1 => any::<usize>().prop_map(Op::NotSent),
        1 => any::<usize>().prop_map(Op::Lost),
        2 => any::<usize>().prop_map(Op::Found),
        1 => any::<usize>().prop_map(Op::NeverArrived),
        5 => (any::<usize>(), 1i64..4).prop_map(|(at, size)| Op::Filled(at, size)),
        2 => (any::<usize>(), 1i64..4).prop_map(|(at, size)| Op::Executed(at, size)),
        3 => any::<usize>().prop_map(Op::FillsFetched),
        4 => any::<usize>().prop_map(Op::Canceled),
        1 => any::<usize>().prop_map(Op::Reduced),
        1 => (0usize..2, 80i64..121).prop_map(|(traded, at)| Op::Price(traded, at)),
        6 => (1u64..700).prop_map(Op::Passed),
    ]
}

/// Holds the desk with these limits against the oracle: what the oracle denies is denied by that rule, and what it
/// lets pass passes. Both must happen.
pub(super) fn held_against(given: &[&str], judge: Judge) {
    let (passed, denied) = (Cell::new(0u32), Cell::new(0u32));
    let config = Config {
        cases: 250,
        failure_persistence: None,
        ..Config::default()
    };
    let run = |ops: Vec<Op>| {
        let mut history = History::new(given);
        for op in &ops {
            history.act(op);
            if let Op::Place(wish) = op {
                let expected = judge(&history, wish);
                let found = match history.place(wish) {
                    Ok(()) => None,
                    Err(DenialReason::Limit(denial)) => Some(denial.rule),
                    // A precondition; the limits were not asked.
                    Err(DenialReason::InstrumentFrozen) => continue,
                    Err(other) => return Err(TestCaseError::fail(other.to_string())),
                };
                if found != expected {
                    let orders = &history.orders;
                    let why = format!("{wish:?}: {found:?} and not {expected:?} after {orders:#?}");
                    return Err(TestCaseError::fail(why));
                }
                let counter = if found.is_some() { &denied } else { &passed };
                counter.set(counter.get() + 1);
                if matches!(found, Some(Rule::PriceDrift | Rule::RepeatedOrders)) {
                    history
                        .halts
                        .push((*wish, history.orders.len(), history.now));
                }
            }
            history.bench.out.clear();
        }
        Ok(())
    };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(op(), 0..90), run);
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (passed, denied) = (passed.get(), denied.get());
    println!("{passed} passed, {denied} denied");
    assert!(
        passed > 200 && denied > 30,
        "{passed} passed, {denied} denied"
    );
}
