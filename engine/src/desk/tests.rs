mod balancing;
mod flattening;
mod foreign;
mod histories;
mod limits;
mod lost;
mod placing;
mod reconciling;
mod recovery;
mod reducing;
mod sweeping;

use rust_decimal::Decimal;

use super::*;
use crate::halt::{HaltLevel, HaltPolicy, Incident, Reaction};
use crate::ids::{OrderOrigin, TradeId, VenueId};
use crate::instrument::{Filters, LotSize, TradingStatus};
use crate::messages::account::{AccountBalances, Balance};
use crate::messages::control::{RestingOrders, Resume};
use crate::messages::order::{
    AmendOrder, CancelAll, CancelOrder, Fill, OrderEventKind, OrderReport, ReportSource,
};
use crate::order::{NewOrder, OrderState, OrderType, Side, VenueStatus};
use crate::ports::{PlaceOutcome, VenueError};

const SETTLE: Duration = Duration::from_secs(6);

fn strategy(text: &str) -> StrategyId {
    StrategyId::new(text).unwrap()
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn instrument(text: &str) -> Instrument {
    let lot = LotSize {
        min: quantity("0.001"),
        max: quantity("100"),
        step: quantity("0.001"),
    };
    Instrument {
        symbol: symbol(text),
        base: "BTC".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        status: TradingStatus::Trading,
        base_precision: 8,
        quote_precision: 8,
        order_types: vec![OrderType::Limit, OrderType::Market],
        default_self_trade_prevention: None,
        self_trade_prevention: Vec::new(),
        amend_allowed: true,
        cancel_replace_allowed: true,
        filters: Filters {
            lot_size: Some(lot),
            ..Filters::default()
        },
    }
}

fn fill(trade: u64, size: &str) -> Fill {
    Fill {
        trade_id: TradeId(trade),
        price: "10".parse().unwrap(),
        quantity: quantity(size),
        fee: Decimal::ZERO,
        fee_asset: None,
        maker: None,
        at: Timestamp::from_millis(1),
        recovered: false,
    }
}

fn unknown_outcome() -> VenueError {
    VenueError::UnknownOutcome("-1007".into())
}

fn rejected(code: i64) -> VenueError {
    let text = "no".into();
    VenueError::Rejected { code, text }
}

/// What Binance answers to a query of an order that it does not show.
fn not_shown() -> VenueError {
    let text = "Order does not exist.".into();
    VenueError::UnknownOrder { code: -2013, text }
}

/// A desk with the strategies `a` (on BTCUSDT) and `b` (on ETHUSDT), all preconditions fulfilled.
struct Bench {
    desk: OrderDesk,
    board: HaltBoard,
    run: RunId,
    now: Timestamp,
    out: Vec<Effect>,
    sequence: u64,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self::unasked();
        bench.stream_up();
        bench
    }

    /// As `new`, before the private stream came up.
    fn unasked() -> Self {
        Self::of(RunId::from_millis(1_795_000_000_000), HaltBoard::new())
    }

    /// The next run, with the halts of the one before.
    fn restarted(
        halts: impl Iterator<Item = (Scope, crate::halt::Standing)>,
        last: crate::fault::IncidentId,
    ) -> Self {
        let run = RunId::from_millis(1_795_000_001_000);
        Self::of(run, HaltBoard::restored(halts, last))
    }

    fn of(run: RunId, board: HaltBoard) -> Self {
        let account = AccountId::new("main").unwrap();
        let venue = VenueId::new("binance").unwrap();
        let mut desk = OrderDesk::new(venue, account, run, SETTLE, board.clone());
        for (name, traded) in [("a", "BTCUSDT"), ("b", "ETHUSDT")] {
            desk.add_instrument(instrument(traded));
            desk.set_reference(symbol(traded), Some("10".parse().unwrap()));
            desk.seat(Membership {
                strategy: strategy(name),
                account,
                venue,
                instruments: vec![symbol(traded)].into(),
            });
        }
        desk.set_clock_good(true);
        Self {
            desk,
            board,
            run,
            now: Timestamp::from_millis(1_795_000_000_000),
            out: Vec::new(),
            sequence: 0,
        }
    }

    fn command(&mut self, name: &str, traded: &str) -> PlaceOrder {
        self.sequence += 1;
        PlaceOrder {
            id: ClientOrderId::of(&OrderOrigin {
                strategy: strategy(name),
                run: self.run,
                sequence: self.sequence,
            }),
            strategy: strategy(name),
            account: AccountId::new("main").unwrap(),
            terms: NewOrder::limit(
                symbol(traded),
                Side::Buy,
                quantity("2"),
                "10".parse().unwrap(),
            ),
            created: self.now,
        }
    }

    fn send(&mut self, command: PlaceOrder) -> ClientOrderId {
        self.desk.place(command, self.now, &mut self.out);
        command.id
    }

    /// Strategy `a` places a buy of 2 BTC at 10.
    fn place(&mut self) -> ClientOrderId {
        let command = self.command("a", "BTCUSDT");
        self.send(command)
    }

    /// As `place`, acknowledged, with what the desk did about it forgotten.
    fn working(&mut self) -> ClientOrderId {
        let id = self.place();
        self.acknowledge(id);
        self.out.clear();
        id
    }

    /// As `place`, with an outcome that nobody knows, and what the desk did about it forgotten.
    fn uncertain(&mut self) -> ClientOrderId {
        let id = self.place();
        self.answer(id, Err(unknown_outcome()));
        self.out.clear();
        id
    }

    fn shown(&self, id: ClientOrderId, status: VenueStatus, executed: &str) -> OrderReport {
        let order = self.desk.order(&id);
        let terms = order.map_or_else(
            || {
                NewOrder::limit(
                    symbol("BTCUSDT"),
                    Side::Buy,
                    quantity("2"),
                    "10".parse().unwrap(),
                )
            },
            |order| order.terms,
        );
        OrderReport {
            id,
            symbol: terms.symbol,
            venue_id: VenueOrderId(7),
            side: Some(terms.side),
            terms: Some(terms),
            status,
            quantity: terms.quantity,
            executed: quantity(executed),
            executed_notional: None,
            reason: None,
            fills: Vec::new(),
            source: ReportSource::Query,
            at: self.now,
        }
    }

    fn acknowledge(&mut self, id: ClientOrderId) {
        let report = OrderReport {
            source: ReportSource::Answer,
            ..self.shown(id, VenueStatus::New, "0")
        };
        self.answer(id, Ok(report));
    }

    fn answer(&mut self, id: ClientOrderId, answer: Result<OrderReport, VenueError>) {
        let outcome = PlaceOutcome::Answered(answer);
        self.desk.placed(id, outcome, self.now, &mut self.out);
    }

    fn event(&mut self, id: ClientOrderId, status: VenueStatus, executed: &str, fills: &[Fill]) {
        let report = OrderReport {
            source: ReportSource::Event,
            fills: fills.to_vec(),
            ..self.shown(id, status, executed)
        };
        self.desk.report(report, self.now, &mut self.out);
    }

    fn found(&mut self, id: ClientOrderId, status: VenueStatus, executed: &str) {
        let answer = Ok(self.shown(id, status, executed));
        self.desk
            .query_answered(id, answer, self.now, &mut self.out);
    }

    fn not_found(&mut self, id: ClientOrderId) {
        self.desk
            .query_answered(id, Err(not_shown()), self.now, &mut self.out);
    }

    fn fills(&mut self, id: ClientOrderId, answer: Result<Vec<Fill>, VenueError>) {
        self.desk
            .fills_answered(id, answer, self.now, &mut self.out);
    }

    fn cancel(&mut self, id: ClientOrderId) {
        let strategy = strategy("a");
        self.desk
            .cancel(CancelOrder { id, strategy }, self.now, &mut self.out);
    }

    fn cancel_answered(&mut self, id: ClientOrderId, answer: Result<OrderReport, VenueError>) {
        self.desk
            .cancel_answered(id, answer, self.now, &mut self.out);
    }

    fn stream_down(&mut self) {
        self.desk.private_stream_down(&mut self.out);
    }

    /// The private stream comes up, and the venue's lists show what the desk believes.
    fn stream_up(&mut self) {
        self.desk.private_stream_up(self.now, &mut self.out);
        self.agree();
    }

    /// Answers what a reconciliation asks by what the desk believes; returns how much was asked.
    fn agree(&mut self) -> usize {
        let asked = self.asked();
        let questions = asked.len();
        for (round, question) in asked {
            let shown = self.believed(question);
            self.tell(round, question, Ok(shown));
        }
        // The balances come last; another round is the caller's.
        let is_last = |effect: &Effect| {
            matches!(
                effect,
                Effect::Ask {
                    question: Question::Balances,
                    ..
                }
            )
        };
        if self.out.iter().any(is_last) {
            return questions + self.agree();
        }
        questions
    }

    fn believed(&self, question: Question) -> Shown {
        match question {
            Question::OpenOrders => Shown::Orders(self.believed_open()),
            Question::History(..) => Shown::Orders(Vec::new()),
            Question::Trades(..) => Shown::Trades(Vec::new()),
            Question::Balances => Shown::Balances(AccountBalances {
                balances: self.expected(),
                updated: None,
            }),
        }
    }

    fn expected(&self) -> Vec<Balance> {
        let expected = self.desk.expected_balances().into_iter().flatten();
        let free = expected.map(|(asset, total)| Balance {
            asset: *asset,
            free: *total,
            locked: Decimal::ZERO,
        });
        free.collect()
    }

    fn believed_open(&self) -> Vec<OrderReport> {
        let open = self.desk.open_orders().filter_map(|order| {
            let executed = order.executed().to_string();
            let status = match order.state {
                OrderState::Working => VenueStatus::New,
                OrderState::PartiallyFilled => VenueStatus::PartiallyFilled,
                _ => return None,
            };
            Some(self.shown(order.id, status, &executed))
        });
        open.collect()
    }

    /// What a reconciliation asks, taken off the list.
    fn asked(&mut self) -> Vec<(RoundId, Question)> {
        let mut asked = Vec::new();
        self.out.retain(|effect| match effect {
            Effect::Ask {
                round, question, ..
            } => {
                asked.push((*round, *question));
                false
            }
            _ => true,
        });
        asked
    }

    fn tell(&mut self, round: RoundId, question: Question, answer: Result<Shown, VenueError>) {
        self.desk
            .told(round, question, answer, self.now, &mut self.out);
    }

    fn listed(&mut self, answer: Result<Vec<OrderReport>, VenueError>) {
        self.desk.open_listed(answer, self.now, &mut self.out);
    }

    fn trip(&mut self, scope: Scope, reaction: Reaction) -> Incident {
        let policy = HaltPolicy::default().with(FaultKind::Manual, reaction);
        let fault = fault(FaultKind::Manual, scope, "test".into(), self.now);
        let incident = self.board.trip(fault, &policy);
        self.desk.halted(&incident, self.now, &mut self.out);
        incident
    }

    fn halt(&mut self, scope: Scope) -> Incident {
        self.trip(scope, Reaction::STRICT)
    }

    fn resume(&mut self, scope: Scope) {
        let standing = self.board.standing(&scope).unwrap();
        let incidents = standing.incidents.iter().map(|known| known.id).collect();
        let epoch = standing.epoch;
        let reason = "test".into();
        let resume = Resume {
            scope,
            incidents,
            epoch,
            reason,
            who: "ann".into(),
        };
        self.board.lift(&resume).unwrap();
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now.checked_add(duration).unwrap();
        self.desk.tick(self.now, &mut self.out);
    }

    fn state(&self, id: ClientOrderId) -> OrderState {
        self.desk.order(&id).unwrap().state
    }

    /// Balances that strategies were told of since the effects were looked at last.
    fn did_balances(&mut self) -> Vec<Balance> {
        let out = self.out.drain(..).filter_map(|effect| match effect {
            Effect::Balances(changed) => Some(changed.balances),
            _ => None,
        });
        out.flatten().collect()
    }

    /// What the desk did since it was asked last, one word or two each; reconciliations and the journal have
    /// tests of their own.
    fn did(&mut self) -> Vec<String> {
        let about_orders = |effect: &Effect| {
            let others = matches!(
                effect,
                Effect::Ask { .. }
                    | Effect::Reconciled(_)
                    | Effect::Record(_)
                    | Effect::Balances(_)
            );
            !others
        };
        let out = self.out.drain(..).filter(about_orders);
        out.map(|effect| word(&effect)).collect()
    }
}

fn word(effect: &Effect) -> String {
    match effect {
        Effect::Place(_) => "place".into(),
        Effect::Cancel(_) => "cancel".into(),
        Effect::Amend(_, quantity) => format!("amend {quantity}"),
        Effect::Query { after, .. } => format!("query {after:?}"),
        Effect::FetchFills { after, .. } => format!("fetch {after:?}"),
        Effect::ListOpen { after } => format!("list {after:?}"),
        Effect::Filled(filled) => format!("fill {}", filled.fill.trade_id),
        Effect::Raise(fault) => format!("fault {} of {}", fault.kind, fault.scope),
        Effect::Swept(sweep) => format!("swept {}", sweep.orders),
        Effect::Flattened(report) => format!("flattened, {} left", report.left.len()),
        Effect::Found { title, .. } => format!("found: {title}"),
        Effect::Foreign { .. } => "foreign".into(),
        Effect::Ask { question, .. } => format!("ask {question:?}"),
        Effect::Learn { symbol, .. } => format!("learn {symbol}"),
        Effect::Balances(changed) => format!("balances {}", changed.balances.len()),
        Effect::Record(record) => format!("record {}", record.kind()),
        Effect::Reconciled(done) => format!("reconciled {:?}", done.outcome),
        Effect::Happened(event) => happened(&event.kind),
    }
}

fn happened(kind: &OrderEventKind) -> String {
    match kind {
        OrderEventKind::Submitted => "submitted".into(),
        OrderEventKind::Denied { reason } => {
            let code = format!("code={} ", reason.code());
            format!("denied: {}", reason.to_string().trim_start_matches(&code))
        }
        OrderEventKind::Accepted => "accepted".into(),
        OrderEventKind::Rejected { code, .. } => format!("rejected {code}"),
        OrderEventKind::Uncertain { .. } => "uncertain".into(),
        OrderEventKind::PartiallyFilled => "partially filled".into(),
        OrderEventKind::Filled => "filled".into(),
        OrderEventKind::CancelRequested => "cancel requested".into(),
        OrderEventKind::Canceled => "canceled".into(),
        OrderEventKind::CancelRejected { code, .. } => format!("cancel rejected {code}"),
        OrderEventKind::Expired { .. } => "expired".into(),
        OrderEventKind::Amended { quantity } => format!("amended {quantity}"),
        OrderEventKind::AmendRejected { code, .. } => format!("amend rejected {code}"),
    }
}

/// An id of ours that another run made.
fn of_run(run: u64, name: &str, sequence: u64) -> ClientOrderId {
    ClientOrderId::of(&OrderOrigin {
        strategy: strategy(name),
        run: RunId::from_millis(run),
        sequence,
    })
}
