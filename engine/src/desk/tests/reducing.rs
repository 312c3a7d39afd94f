//! Under reduce-only no sequence of orders and fills, those in flight and untold ones included, enlarges a position
//! or turns it round. The judge keeps a truth of its own: what the venue has, whether or not the desk was told.

use proptest::prelude::*;

use super::*;

/// An order as the venue has it.
pub(super) struct True {
    pub(super) id: ClientOrderId,
    pub(super) side: Side,
    /// In lots of 0.001.
    size: i64,
    fills: Vec<Fill>,
    /// How many of the fills the desk was told.
    told: usize,
    pub(super) open: bool,
}

impl True {
    fn filled(&self) -> Decimal {
        self.fills.iter().map(|fill| fill.quantity.value()).sum()
    }

    pub(super) fn rest(&self) -> Decimal {
        match self.open {
            true => Decimal::new(self.size, 3) - self.filled(),
            false => Decimal::ZERO,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Place(Side, i64),
    Acknowledge(usize),
    /// The answer is lost.
    Lose(usize),
    /// The venue matches some of it; the desk is told or not.
    Trade(usize, i64, bool),
    /// The venue shows how much is executed, without fills.
    Show(usize),
    /// The fills are fetched.
    Fetch(usize),
    /// The venue ends it.
    End(usize),
    Pass(u64),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    prop_oneof![
        6 => (side, 1i64..900).prop_map(|(side, lots)| Step::Place(side, lots)),
        4 => (0usize..6).prop_map(Step::Acknowledge),
        1 => (0usize..6).prop_map(Step::Lose),
        5 => (0usize..6, 1i64..500, any::<bool>()).prop_map(|(at, lots, told)| Step::Trade(at, lots, told)),
        2 => (0usize..6).prop_map(Step::Show),
        2 => (0usize..6).prop_map(Step::Fetch),
        2 => (0usize..6).prop_map(Step::End),
        1 => (1u64..4_000).prop_map(Step::Pass),
    ]
}

pub(super) struct Venue {
    pub(super) bench: Bench,
    pub(super) orders: Vec<True>,
    /// What was sent.
    pub(super) sent: Vec<Approved<PlaceOrder>>,
    trades: u64,
}

impl Venue {
    pub(super) fn new() -> Self {
        Self {
            bench: Bench::new(),
            orders: Vec::new(),
            sent: Vec::new(),
            trades: 0,
        }
    }

    pub(super) fn net(&self) -> Decimal {
        let signed = self.orders.iter().map(|order| match order.side {
            Side::Buy => order.filled(),
            Side::Sell => -order.filled(),
        });
        signed.sum()
    }

    /// Lets the desk judge an order; whether it went out.
    pub(super) fn place(&mut self, side: Side, lots: i64) -> bool {
        let mut command = self.bench.command("a", "BTCUSDT");
        command.terms.side = side;
        command.terms.quantity = Quantity::new(Decimal::new(lots, 3)).unwrap();
        self.bench.out.clear();
        self.bench.send(command);
        self.take_orders() > 0
    }

    /// Takes what the desk has sent; how many orders.
    pub(super) fn take_orders(&mut self) -> usize {
        let before = self.orders.len();
        for effect in std::mem::take(&mut self.bench.out) {
            let Effect::Place(approved) = effect else {
                self.bench.out.push(effect);
                continue;
            };
            let order = approved.get();
            let size = order.terms.quantity.value() * Decimal::from(1_000);
            self.orders.push(True {
                id: order.id,
                side: order.terms.side,
                size: size.try_into().unwrap(),
                fills: Vec::new(),
                told: 0,
                open: true,
            });
            self.sent.push(approved);
        }
        self.orders.len() - before
    }

    /// Shows an order as it is.
    pub(super) fn report(&mut self, at: usize, source: ReportSource, fills: Vec<Fill>) {
        let order = &self.orders[at];
        let status = match (order.open, order.rest().is_zero(), order.fills.is_empty()) {
            (true, true, _) => VenueStatus::Filled,
            (true, false, true) => VenueStatus::New,
            (true, false, false) => VenueStatus::PartiallyFilled,
            (false, ..) if order.filled() == Decimal::new(order.size, 3) => VenueStatus::Filled,
            (false, ..) => VenueStatus::Canceled,
        };
        let executed = order.filled().to_string();
        let report = OrderReport {
            source,
            fills,
            venue_id: VenueOrderId(100 + at as u64),
            ..self.bench.shown(order.id, status, &executed)
        };
        let now = self.bench.now;
        if source == ReportSource::Answer {
            return self.bench.answer(report.id, Ok(report));
        }
        self.bench.desk.report(report, now, &mut self.bench.out);
    }

    pub(super) fn run(&mut self, step: &Step) {
        let count = self.orders.len();
        let pick = |at: usize| at.checked_rem(count);
        match *step {
            Step::Place(side, lots) => {
                self.place(side, lots);
            }
            Step::Acknowledge(at) => {
                if let Some(at) = pick(at) {
                    self.report(at, ReportSource::Answer, Vec::new());
                }
            }
            Step::Lose(at) => {
                if let Some(at) = pick(at) {
                    let id = self.orders[at].id;
                    self.bench.answer(id, Err(unknown_outcome()));
                }
            }
            Step::Trade(at, lots, told) => {
                if let Some(at) = pick(at) {
                    self.trade(at, lots, told);
                }
            }
            Step::Show(at) => {
                if let Some(at) = pick(at) {
                    self.report(at, ReportSource::Query, Vec::new());
                }
            }
            Step::Fetch(at) => {
                if let Some(at) = pick(at) {
                    let (id, fills) = (self.orders[at].id, self.orders[at].fills.clone());
                    self.bench.fills(id, Ok(fills));
                }
            }
            Step::End(at) => {
                if let Some(at) = pick(at) {
                    self.orders[at].open = false;
                    self.report(at, ReportSource::Event, Vec::new());
                }
            }
            Step::Pass(millis) => self.bench.pass(Duration::from_millis(millis)),
        }
    }

    fn trade(&mut self, at: usize, lots: i64, told: bool) {
        let order = &mut self.orders[at];
        let size = order.rest().min(Decimal::new(lots, 3));
        if size.is_zero() {
            return;
        }
        self.trades += 1;
        order.fills.push(fill(self.trades, &size.to_string()));
        if order.rest().is_zero() {
            order.open = false;
        }
        if told {
            let news = order.fills[order.told..].to_vec();
            order.told = order.fills.len();
            self.report(at, ReportSource::Event, news);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn under_reduce_only_no_order_enlarges_or_turns_a_position(
        before in prop::collection::vec(step(), 0..14),
        settled in any::<bool>(),
        after in prop::collection::vec(step(), 1..30),
    ) {
        let mut venue = Venue::new();
        before.iter().for_each(|step| venue.run(step));
        if settled {
            for at in 0..venue.orders.len() {
                venue.run(&Step::End(at));
            }
        }
        let reaction = Reaction::new(HaltLevel::ReduceOnly, RestingOrders::Keep);
        venue.bench.trip(Scope::Strategy(strategy("a")), reaction);
        let first = venue.orders.len();
        let mut last = venue.net();
        for step in &after {
            venue.run(step);
            let net = venue.net();
            if let (Step::Place(side, _), true) = (step, venue.orders.len() > first) {
                let under_way: Decimal = venue.orders.iter().filter(|one| one.side == *side).map(True::rest).sum();
                let newest = venue.orders.last().unwrap();
                if newest.rest() > Decimal::ZERO && newest.side == *side && newest.fills.is_empty() {
                    let reducible = match side { Side::Sell => net, Side::Buy => -net };
                    prop_assert!(under_way <= reducible, "{under_way} on the side {side} of a position of {net}");
                }
            }
            if settled {
                prop_assert!(net.abs() <= last.abs(), "from {last} to {net}");
                prop_assert!(net.is_zero() || net.is_sign_negative() == last.is_sign_negative(), "from {last} to {net}");
            }
            last = net;
        }
    }
}

#[test]
fn a_position_can_be_closed_to_its_last_lot_and_no_further() {
    let mut venue = Venue::new();
    assert!(venue.place(Side::Buy, 1_000));
    venue.run(&Step::Acknowledge(0));
    venue.run(&Step::Trade(0, 1_000, true));
    let reaction = Reaction::new(HaltLevel::ReduceOnly, RestingOrders::Keep);
    venue.bench.trip(Scope::Global, reaction);
    assert!(!venue.place(Side::Buy, 1), "it enlarges");
    assert!(!venue.place(Side::Sell, 1_001), "one lot too many");
    assert!(venue.place(Side::Sell, 600));
    assert!(!venue.place(Side::Sell, 401), "600 are under way");
    assert!(venue.place(Side::Sell, 400));
    assert!(!venue.place(Side::Sell, 1), "all of it is under way");
    venue.run(&Step::Acknowledge(2));
    venue.run(&Step::End(2));
    assert!(venue.place(Side::Sell, 400), "400 were cancelled");
}
