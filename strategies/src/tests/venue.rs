//! What stands at the venue, as far as the order desk can tell: orders that are placed, filled and
//! cancelled, and the mail that tells of it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tripline_engine::desk::Effect;
use tripline_engine::ids::{ClientOrderId, TradeId, VenueOrderId};
use tripline_engine::messages::order::{Fill, OrderReport, ReportSource};
use tripline_engine::money::{Price, Quantity};
use tripline_engine::order::{NewOrder, OrderType, VenueStatus};
use tripline_engine::ports::{OrderRef, PlaceOutcome, VenueError};
use tripline_engine::time::Timestamp;

/// What the venue sends, in whatever order it arrives.
#[derive(Debug, Clone)]
pub enum Mail {
    Placed(ClientOrderId, PlaceOutcome),
    CancelAnswered(ClientOrderId, Result<OrderReport, VenueError>),
    Event(OrderReport),
    QueryAnswered(ClientOrderId, Result<OrderReport, VenueError>),
    FillsAnswered(ClientOrderId, Result<Vec<Fill>, VenueError>),
    OpenListed(Result<Vec<OrderReport>, VenueError>),
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Carried out, and answered.
    Answered,
    /// Carried out, and the answer is lost.
    AnswerLost,
    /// Lost on the way, and nobody knows.
    Lost,
    /// Refused.
    Refused,
}

#[derive(Debug, Clone)]
pub struct Resting {
    pub terms: NewOrder,
    pub status: VenueStatus,
    id: ClientOrderId,
    number: VenueOrderId,
    fills: Vec<Fill>,
}

impl Resting {
    pub fn executed(&self) -> Quantity {
        let sum: Decimal = self.fills.iter().map(|fill| fill.quantity.value()).sum();
        Quantity::new(sum).unwrap()
    }

    pub fn is_open(&self) -> bool {
        !self.status.is_terminal()
    }

    fn report(&self, source: ReportSource, fills: Vec<Fill>, at: Timestamp) -> OrderReport {
        OrderReport {
            id: self.id,
            symbol: self.terms.symbol,
            venue_id: self.number,
            side: None,
            terms: Some(self.terms),
            status: self.status,
            quantity: self.terms.quantity,
            executed: self.executed(),
            executed_notional: None,
            reason: None,
            fills,
            source,
            at,
        }
    }
}

#[derive(Debug, Default)]
pub struct Venue {
    pub orders: BTreeMap<ClientOrderId, Resting>,
    pub mail: Vec<Mail>,
    /// The share of a market order that finds liquidity, in percent.
    pub liquidity: u32,
    pub trades: u64,
}

impl Venue {
    pub fn insert(&mut self, id: ClientOrderId, terms: NewOrder) {
        assert!(!self.orders.contains_key(&id), "{id} came twice");
        let number = VenueOrderId(self.orders.len() as u64 + 1);
        self.orders.insert(
            id,
            Resting {
                terms,
                status: VenueStatus::New,
                id,
                number,
                fills: Vec::new(),
            },
        );
    }

    /// Executes part of an order and sends the event.
    pub fn fill(&mut self, id: ClientOrderId, quantity: Quantity, price: Price, at: Timestamp) {
        self.trades += 1;
        let fill = Fill {
            trade_id: TradeId(self.trades),
            price,
            quantity,
            fee: Decimal::ZERO,
            fee_asset: None,
            maker: Some(true),
            at,
            recovered: false,
        };
        let order = self.orders.get_mut(&id).unwrap();
        assert!(order.is_open(), "{order:?} cannot fill");
        order.fills.push(fill.clone());
        order.status = if order.executed() == order.terms.quantity {
            VenueStatus::Filled
        } else {
            VenueStatus::PartiallyFilled
        };
        let report = order.report(ReportSource::Event, vec![fill], at);
        self.mail.push(Mail::Event(report));
    }

    /// Ends an order and sends the event.
    pub fn end(&mut self, id: ClientOrderId, status: VenueStatus, at: Timestamp) {
        let order = self.orders.get_mut(&id).unwrap();
        order.status = status;
        let report = order.report(ReportSource::Event, Vec::new(), at);
        self.mail.push(Mail::Event(report));
    }

    /// Carries out a request of the desk.
    pub fn take(&mut self, effect: Effect, fate: Fate, at: Timestamp) {
        match effect {
            Effect::Place(order) => self.place(order.get().id, order.get().terms, fate, at),
            Effect::Cancel(order) => self.cancel(order, fate, at),
            Effect::Query { order, .. } => {
                let answer = match (fate, self.orders.get(&order.id)) {
                    (Fate::Lost, _) => Err(timeout()),
                    (_, Some(known)) => Ok(known.report(ReportSource::Query, Vec::new(), at)),
                    (_, None) => Err(unknown()),
                };
                self.mail.push(Mail::QueryAnswered(order.id, answer));
            }
            Effect::FetchFills { order, .. } => {
                let answer = match (fate, self.orders.get(&order.id)) {
                    (Fate::Lost, _) | (_, None) => Err(timeout()),
                    (_, Some(known)) => Ok(known.fills.clone()),
                };
                self.mail.push(Mail::FillsAnswered(order.id, answer));
            }
            Effect::ListOpen { .. } => {
                let open = self.orders.values().filter(|order| order.is_open());
                let open = open.map(|order| order.report(ReportSource::Query, Vec::new(), at));
                let answer = Ok(open.collect());
                self.mail.push(Mail::OpenListed(answer));
            }
            other => panic!("{other:?} is nothing for the venue"),
        }
    }

    fn place(&mut self, id: ClientOrderId, terms: NewOrder, fate: Fate, at: Timestamp) {
        let outcome = match fate {
            Fate::Lost => Err(VenueError::UnknownOutcome("cut".into())),
            Fate::Refused => Err(VenueError::Rejected {
                code: -2010,
                text: "Account has insufficient balance for requested action.".into(),
            }),
            Fate::Answered | Fate::AnswerLost => {
                self.insert(id, terms);
                let shown = &self.orders[&id];
                let answer = shown.report(ReportSource::Answer, Vec::new(), at);
                let event = shown.report(ReportSource::Event, Vec::new(), at);
                self.mail.push(Mail::Event(event));
                if fate == Fate::Answered {
                    Ok(answer)
                } else {
                    Err(VenueError::UnknownOutcome("cut".into()))
                }
            }
        };
        self.mail
            .push(Mail::Placed(id, PlaceOutcome::Answered(outcome)));
        let resting = self.orders.get(&id).is_some_and(Resting::is_open);
        if resting && terms.order_type == OrderType::Market {
            self.execute_market(id, terms, at);
        }
    }

    fn execute_market(&mut self, id: ClientOrderId, terms: NewOrder, at: Timestamp) {
        let lot = Decimal::new(1, 3);
        let share = terms.quantity.value() * Decimal::from(self.liquidity) / Decimal::ONE_HUNDRED;
        let found = (share / lot).floor() * lot;
        if !found.is_zero() {
            self.fill(
                id,
                Quantity::new(found).unwrap(),
                "100".parse().unwrap(),
                at,
            );
        }
        if self.orders[&id].is_open() {
            self.end(id, VenueStatus::Expired, at);
        }
    }

    fn cancel(&mut self, order: OrderRef, fate: Fate, at: Timestamp) {
        let open = self.orders.get(&order.id).is_some_and(Resting::is_open);
        let answer = match fate {
            Fate::Lost => Err(VenueError::UnknownOutcome("cut".into())),
            Fate::Answered | Fate::AnswerLost if open => {
                self.end(order.id, VenueStatus::Canceled, at);
                let report = self.orders[&order.id].report(ReportSource::Answer, Vec::new(), at);
                if fate == Fate::Answered {
                    Ok(report)
                } else {
                    Err(VenueError::UnknownOutcome("cut".into()))
                }
            }
            Fate::Answered | Fate::AnswerLost | Fate::Refused => Err(VenueError::UnknownOrder {
                code: -2011,
                text: "Unknown order sent.".into(),
            }),
        };
        self.mail.push(Mail::CancelAnswered(order.id, answer));
    }
}

fn timeout() -> VenueError {
    VenueError::Timeout(std::time::Duration::from_secs(1))
}

fn unknown() -> VenueError {
    VenueError::UnknownOrder {
        code: -2013,
        text: "Order does not exist.".into(),
    }
}
