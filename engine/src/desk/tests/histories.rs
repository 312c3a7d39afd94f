//! Random histories: one order lives at the venue, and news of it arrives in any order, late, twice or
//! not at all.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::journal::{JournalRecord, JournalState};
use crate::position::Position;

/// What truly happened to the order, in the venue's own order.
#[derive(Debug, Clone)]
struct Truth {
    /// The size of each fill in lots of 0.001.
    fills: Vec<i64>,
    end: Option<VenueStatus>,
}

#[derive(Debug, Clone)]
enum News {
    Acknowledged,
    AnswerLost,
    /// The event of the n-th step.
    Event(usize),
    /// The answer to a query, as the order was at the n-th step.
    Found(usize),
    NotFound,
    FillsFetched(usize),
    Cancel,
    CancelAnswered,
    CancelRefused,
    CancelLost,
    StreamDropped,
    Passed(u64),
}

impl Truth {
    /// Step 0 is the acceptance, then each fill, then the end.
    fn steps(&self) -> usize {
        1 + self.fills.len() + usize::from(self.end.is_some_and(|end| end != VenueStatus::Filled))
    }

    fn total(&self) -> Decimal {
        Decimal::new(self.fills.iter().sum(), 3)
    }

    fn fills_until(&self, step: usize) -> Vec<Fill> {
        let sizes = self.fills.iter().take(step).zip(1..);
        sizes
            .map(|(lots, trade)| Fill {
                at: Timestamp::from_millis(1_795_000_000_000),
                ..fill(trade, &Decimal::new(*lots, 3).to_string())
            })
            .collect()
    }

    fn status_at(&self, step: usize) -> VenueStatus {
        let last = step + 1 == self.steps();
        match (self.end, step) {
            (Some(end), _) if last => end,
            (_, 0) => VenueStatus::New,
            _ => VenueStatus::PartiallyFilled,
        }
    }

    fn at(&self, bench: &Bench, id: ClientOrderId, step: usize) -> OrderReport {
        let executed: Decimal = self
            .fills_until(step)
            .iter()
            .map(|fill| fill.quantity.value())
            .sum();
        bench.shown(id, self.status_at(step), &executed.to_string())
    }

    fn event(&self, bench: &Bench, id: ClientOrderId, step: usize) -> OrderReport {
        let (all, before) = (
            self.fills_until(step),
            self.fills_until(step.saturating_sub(1)).len(),
        );
        OrderReport {
            source: ReportSource::Event,
            fills: all.into_iter().skip(before).collect(),
            ..self.at(bench, id, step)
        }
    }
}

fn truth() -> impl Strategy<Value = Truth> {
    let ends = prop::sample::select(vec![
        None,
        Some(VenueStatus::Filled),
        Some(VenueStatus::Canceled),
        Some(VenueStatus::Expired),
    ]);
    (prop::collection::vec(1i64..300, 0..5), ends).prop_map(|(mut fills, end)| {
        if end == Some(VenueStatus::Filled) {
            let rest = 2_000 - fills.iter().sum::<i64>();
            fills.push(rest);
        }
        Truth { fills, end }
    })
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        2 => Just(News::Acknowledged),
        2 => Just(News::AnswerLost),
        8 => (0usize..8).prop_map(News::Event),
        4 => (0usize..8).prop_map(News::Found),
        2 => Just(News::NotFound),
        3 => (0usize..8).prop_map(News::FillsFetched),
        2 => Just(News::Cancel),
        1 => Just(News::CancelAnswered),
        1 => Just(News::CancelRefused),
        1 => Just(News::CancelLost),
        1 => Just(News::StreamDropped),
        2 => (1u64..4_000).prop_map(News::Passed),
    ]
}

struct History {
    bench: Bench,
    truth: Truth,
    id: ClientOrderId,
    answered: bool,
    /// How often each trade was delivered.
    delivered: BTreeMap<TradeId, u32>,
    /// How often an end was told.
    ends: u32,
    faults: Vec<Fault>,
    questions: Vec<Effect>,
    /// What the journal was told.
    journal: Vec<(Timestamp, JournalRecord)>,
}

fn is_end(kind: &OrderEventKind) -> bool {
    use OrderEventKind::{Canceled, Expired, Filled};
    matches!(kind, Canceled | Expired { .. } | Filled)
}

impl History {
    fn new(truth: Truth) -> Self {
        let mut bench = Bench::new();
        let id = bench.place();
        let placed = bench.out.iter().find_map(|effect| match effect {
            Effect::Place(order) => Some(JournalRecord::Intent(*order.get())),
            _ => None,
        });
        Self {
            journal: vec![(bench.now, placed.unwrap())],
            bench,
            truth,
            id,
            answered: false,
            delivered: BTreeMap::new(),
            ends: 0,
            faults: Vec::new(),
            questions: Vec::new(),
        }
    }

    fn take(&mut self) {
        while self.bench.agree() > 0 {}
        for effect in std::mem::take(&mut self.bench.out) {
            match effect {
                Effect::Filled(filled) => {
                    *self.delivered.entry(filled.fill.trade_id).or_default() += 1;
                }
                Effect::Happened(event)
                    if event.order.state.is_terminal() && is_end(&event.kind) =>
                {
                    let delivered = self.delivered.len();
                    assert_eq!(
                        event.order.fills().len(),
                        delivered,
                        "{:?} came before a fill",
                        event.kind
                    );
                    assert!(
                        event.order.is_settled(),
                        "{:?} came while fills are missing",
                        event.kind
                    );
                    self.ends += 1;
                }
                Effect::Raise(fault) => self.faults.push(fault),
                Effect::Record(record) => self.journal.push((self.bench.now, record)),
                Effect::Query { .. } | Effect::FetchFills { .. } | Effect::Cancel(_) => {
                    self.questions.push(effect);
                }
                _ => {}
            }
        }
    }

    /// Takes a question of the kind off the list: only what was asked is answered.
    fn asked(&mut self, kind: fn(&Effect) -> bool) -> bool {
        let at = self.questions.iter().position(kind);
        at.map(|at| self.questions.remove(at)).is_some()
    }

    fn arrive(&mut self, news: News) {
        let (id, steps) = (self.id, self.truth.steps());
        let query = |effect: &Effect| matches!(effect, Effect::Query { .. });
        let cancel = |effect: &Effect| matches!(effect, Effect::Cancel(_));
        match news {
            News::Acknowledged if !self.answered => {
                self.answered = true;
                self.bench.acknowledge(id);
            }
            News::AnswerLost if !self.answered => {
                self.answered = true;
                self.bench.answer(id, Err(unknown_outcome()));
            }
            News::Event(step) => {
                let report = self.truth.event(&self.bench, id, step % steps);
                let now = self.bench.now;
                self.bench.desk.report(report, now, &mut self.bench.out);
            }
            News::Found(step) if self.asked(query) => {
                let answer = Ok(self.truth.at(&self.bench, id, step % steps));
                let now = self.bench.now;
                let out = &mut self.bench.out;
                self.bench.desk.query_answered(id, answer, now, out);
            }
            // Within the settle time the venue may hide the order from a query.
            News::NotFound if self.early() && self.asked(query) => self.bench.not_found(id),
            News::FillsFetched(step)
                if self.asked(|effect| matches!(effect, Effect::FetchFills { .. })) =>
            {
                let fills = self.truth.fills_until(step % steps);
                self.bench.fills(id, Ok(fills));
            }
            News::Cancel => self.bench.cancel(id),
            News::CancelAnswered
                if self.truth.end == Some(VenueStatus::Canceled) && self.asked(cancel) =>
            {
                let report = self.truth.at(&self.bench, id, steps - 1);
                self.bench.cancel_answered(id, Ok(report));
            }
            News::CancelRefused if self.asked(cancel) => {
                self.bench.cancel_answered(id, Err(rejected(-2011)));
            }
            News::CancelLost if self.asked(cancel) => {
                self.bench.cancel_answered(id, Err(unknown_outcome()));
            }
            News::StreamDropped => {
                self.bench.stream_down();
                self.bench.stream_up();
            }
            News::Passed(millis) => self.bench.pass(Duration::from_millis(millis)),
            _ => {}
        }
        self.take();
    }

    /// A restart at this moment would believe what this desk believes.
    fn check_journal(&self) {
        let records = self.journal.iter().map(|(at, record)| (*at, record));
        let state = JournalState::fold(records);
        let (memory, account) = (state.orders, self.bench.desk.account());
        let held = state.balances.sheet(account);
        assert_eq!(held.expected(), self.bench.desk.expected_balances());
        let order = self.bench.desk.order(&self.id).unwrap();
        match memory.order(&self.id) {
            Some(remembered) => {
                assert_eq!(remembered.order.state, order.state);
                assert_eq!(remembered.order.fills(), order.fills());
            }
            None => assert!(order.is_settled(), "the journal has forgotten {order:?}"),
        }
        let delivered: Vec<_> = order.fills().iter().map(|fill| fill.trade_id).collect();
        assert_eq!(memory.delivered(&self.id), Some(delivered));
    }

    fn early(&self) -> bool {
        let created = self.bench.desk.order(&self.id).unwrap().created;
        self.bench.now.saturating_since(created) < SETTLE
    }

    /// From now on every question is answered with the whole truth.
    fn come_to_rest(&mut self) {
        let (id, last) = (self.id, self.truth.steps() - 1);
        self.arrive(News::Acknowledged);
        self.bench.stream_down();
        self.bench.stream_up();
        self.take();
        for _ in 0..200 {
            let Some(question) = self.questions.pop() else {
                return;
            };
            match question {
                Effect::Query { .. } => {
                    self.questions.push(question);
                    self.arrive(News::Found(last));
                }
                Effect::FetchFills { .. } => {
                    let fills = self.truth.fills_until(last);
                    self.bench.fills(id, Ok(fills));
                }
                // A cancel of an order that goes on standing in this history is never answered.
                _ if self.truth.end.is_none() => {}
                _ => self.bench.cancel_answered(id, Err(rejected(-2011))),
            }
            self.take();
        }
        panic!("it does not come to rest: {:?}", self.questions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_desk_ends_with_the_truth_and_each_fill_was_delivered_once(
        truth in truth(),
        news in prop::collection::vec(news(), 0..40),
    ) {
        let mut history = History::new(truth.clone());
        for news in news {
            history.arrive(news);
            history.check_journal();
            prop_assert!(history.delivered.values().all(|times| *times == 1), "{:?}", history.delivered);
        }
        history.come_to_rest();
        let order = history.bench.desk.order(&history.id).unwrap();
        let expected = match truth.status_at(truth.steps() - 1) {
            VenueStatus::New => OrderState::Working,
            VenueStatus::PartiallyFilled => OrderState::PartiallyFilled,
            VenueStatus::Filled => OrderState::Filled,
            VenueStatus::Canceled => OrderState::Canceled,
            _ => OrderState::Expired,
        };
        prop_assert_eq!(order.state, expected);
        prop_assert_eq!(order.filled().value(), truth.total());
        prop_assert!(!order.misses_fills());
        prop_assert_eq!(history.ends, u32::from(expected.is_terminal()));
        let delivered: Vec<_> = history.delivered.iter().map(|(trade, times)| (trade.0, *times)).collect();
        let expected: Vec<_> = (1..=truth.fills.len() as u64).map(|trade| (trade, 1)).collect();
        prop_assert_eq!(delivered, expected);
        let position = history.bench.desk.positions().position(strategy("a"), symbol("BTCUSDT"));
        prop_assert_eq!(position.map_or(Decimal::ZERO, Position::net), truth.total());
        let held = history.bench.desk.expected_balances().and_then(|held| held.get(&"BTC".parse().unwrap()));
        prop_assert_eq!(held.copied().unwrap_or_default(), truth.total());
        prop_assert!(history.bench.desk.is_private_stream_live());
        let contradiction = history.faults.iter().find(|fault| fault.kind == FaultKind::OrderContradiction);
        prop_assert!(contradiction.is_none(), "{:?}", contradiction);
    }
}
