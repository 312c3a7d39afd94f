//! [`MockGateway`]: stands in for the order gateway behind the same messages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use actix::{Actor, Context, Handler};
use rust_decimal::Decimal;
use tripline_engine::ids::{ClientOrderId, TradeId, VenueOrderId};
use tripline_engine::messages::order::{
    AmendOrder, CancelAll, CancelOrder, Fill, OrderEvent, OrderEventKind, OrderFilled, OrderReport,
    PlaceOrder, ReportSource,
};
use tripline_engine::money::{Price, Quantity};
use tripline_engine::order::state::Learnt;
use tripline_engine::order::{Order, VenueStatus};
use tripline_engine::risk::DenialReason;
use tripline_engine::time::Timestamp;

use crate::addresses::StrategyAddress;
use crate::clock::Clock;
use crate::delivery::{Outlet, Sender};

/// What the gateway was told, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Place(PlaceOrder),
    Cancel(CancelOrder),
    Amend(AmendOrder),
    CancelAll(CancelAll),
}

/// How the mock answers the next order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scripted {
    /// Accepted, and rests.
    Accept,
    /// Accepted, then filled whole at its price (a market order at the price that is given).
    Fill {
        market_price: Price,
    },
    /// Accepted, then filled in part.
    FillPart {
        quantity: Quantity,
        market_price: Price,
    },
    /// The fill arrives before the acknowledgement.
    FillBeforeAck {
        market_price: Price,
    },
    Reject {
        code: i64,
        text: String,
    },
    Deny(DenialReason),
    /// The answer is lost: the order is uncertain, and stays so.
    Timeout,
    /// Nothing comes back at all.
    Silence,
    /// The gateway panics while it handles the command.
    Panic,
}

/// Records what it is told and answers as scripted; orders beyond the script are accepted and rest.
/// Cancels of open orders succeed.
pub struct MockGateway {
    script: VecDeque<Scripted>,
    told: Arc<Mutex<Vec<Command>>>,
    orders: BTreeMap<ClientOrderId, Order>,
    outlets: Option<(Outlet<OrderEvent>, Outlet<OrderFilled>)>,
    clock: Clock,
    next_id: u64,
}

impl MockGateway {
    /// A gateway that answers the first orders as scripted.
    #[must_use]
    pub fn new(clock: Clock, script: impl IntoIterator<Item = Scripted>) -> Self {
        Self {
            script: script.into_iter().collect(),
            told: Arc::default(),
            orders: BTreeMap::new(),
            outlets: None,
            clock,
            next_id: 1,
        }
    }

    /// Where the answers go. To be called before the start.
    pub fn answer_to(&mut self, strategy: &StrategyAddress, sender: &Sender) {
        let order = sender.outlet("strategy", strategy.order.clone());
        self.outlets = Some((order, sender.outlet("strategy", strategy.fill.clone())));
    }

    /// Everything it was told. The list can be read while the actor runs.
    #[must_use]
    pub fn told(&self) -> Arc<Mutex<Vec<Command>>> {
        self.told.clone()
    }

    fn record(&self, command: Command) {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(command);
    }

    fn now(&self) -> Timestamp {
        self.clock.venue_now()
    }

    fn tell(&self, order: &Order, kind: OrderEventKind) {
        if let Some((outlet, _)) = &self.outlets {
            outlet.send(OrderEvent {
                order: order.clone(),
                kind,
                at: self.now(),
            });
        }
    }

    fn shown(&mut self, order: &mut Order, status: VenueStatus, fill: Option<(Price, Quantity)>) {
        let now = self.now();
        let venue_id = *order.venue_id.get_or_insert_with(|| {
            self.next_id += 1;
            VenueOrderId(self.next_id)
        });
        let fills: Vec<Fill> = fill
            .map(|(price, quantity)| {
                self.next_id += 1;
                let trade_id = TradeId(self.next_id);
                let fee = Decimal::ZERO;
                Fill {
                    trade_id,
                    price,
                    quantity,
                    fee,
                    fee_asset: None,
                    maker: Some(true),
                    at: now,
                    recovered: false,
                }
            })
            .into_iter()
            .collect();
        let filled = fills
            .iter()
            .map(|fill| fill.quantity)
            .next()
            .unwrap_or_default();
        let executed = order.filled().checked_add(filled).unwrap_or_default();
        let report = OrderReport {
            id: order.id,
            symbol: order.terms.symbol,
            venue_id,
            side: None,
            terms: None,
            status,
            quantity: order.terms.quantity,
            executed,
            executed_notional: None,
            reason: None,
            fills,
            source: ReportSource::Event,
            at: now,
        };
        let applied = match order.apply(&report, now) {
            Ok(applied) => applied,
            Err(error) => {
                return log::error!(actor = "mock_gateway"; "the script cannot be true: {error}");
            }
        };
        if let Some((_, outlet)) = &self.outlets {
            for fill in applied.fills {
                outlet.send(OrderFilled {
                    order: order.clone(),
                    fill,
                });
            }
        }
        let kind = match status {
            VenueStatus::New => OrderEventKind::Accepted,
            VenueStatus::PartiallyFilled => OrderEventKind::PartiallyFilled,
            VenueStatus::Filled => OrderEventKind::Filled,
            _ => OrderEventKind::Canceled,
        };
        if applied.left.is_some() || status == VenueStatus::New {
            self.tell(order, kind);
        }
    }

    fn learnt(&self, order: &mut Order, learnt: Learnt, kind: OrderEventKind) {
        match order.learn(learnt, self.now()) {
            Ok(_) => self.tell(order, kind),
            Err(error) => log::error!(actor = "mock_gateway"; "the script cannot be true: {error}"),
        }
    }

    fn answer(&mut self, order: &mut Order, scripted: Scripted) {
        let terms = order.terms;
        if let Scripted::Deny(reason) = scripted {
            return self.learnt(order, Learnt::Denied, OrderEventKind::Denied { reason });
        }
        self.learnt(order, Learnt::HandedOver, OrderEventKind::Submitted);
        match scripted {
            Scripted::Accept => self.shown(order, VenueStatus::New, None),
            Scripted::Fill { market_price } => {
                self.shown(order, VenueStatus::New, None);
                let price = terms.price.unwrap_or(market_price);
                self.shown(order, VenueStatus::Filled, Some((price, terms.quantity)));
            }
            Scripted::FillPart {
                quantity,
                market_price,
            } => {
                self.shown(order, VenueStatus::New, None);
                let price = terms.price.unwrap_or(market_price);
                self.shown(order, VenueStatus::PartiallyFilled, Some((price, quantity)));
            }
            Scripted::FillBeforeAck { market_price } => {
                let price = terms.price.unwrap_or(market_price);
                self.shown(order, VenueStatus::Filled, Some((price, terms.quantity)));
                self.shown(order, VenueStatus::New, None);
            }
            Scripted::Reject { code, text } => {
                self.learnt(
                    order,
                    Learnt::Refused,
                    OrderEventKind::Rejected { code, text },
                );
            }
            Scripted::Timeout => {
                let cause = "no answer within 1s".to_owned();
                self.learnt(order, Learnt::Lost, OrderEventKind::Uncertain { cause });
            }
            Scripted::Silence | Scripted::Deny(_) => {}
            Scripted::Panic => panic!("told to panic"),
        }
    }

    fn cancel(&mut self, id: ClientOrderId) {
        let Some(mut order) = self.orders.get(&id).cloned() else {
            return;
        };
        if order.state.is_terminal() {
            let text = "Unknown order sent.".to_owned();
            return self.tell(&order, OrderEventKind::CancelRejected { code: -2011, text });
        }
        if order.venue_id.is_some() {
            order.cancel_pending = true;
            self.tell(&order, OrderEventKind::CancelRequested);
            self.shown(&mut order, VenueStatus::Canceled, None);
            self.orders.insert(id, order);
        }
    }
}

impl Actor for MockGateway {
    type Context = Context<Self>;
}

impl Handler<PlaceOrder> for MockGateway {
    type Result = ();
    fn handle(&mut self, command: PlaceOrder, _: &mut Context<Self>) {
        self.record(Command::Place(command));
        let mut order = Order::new(command.id, command.strategy, command.terms, command.created);
        let scripted = self.script.pop_front().unwrap_or(Scripted::Accept);
        self.answer(&mut order, scripted);
        self.orders.insert(order.id, order);
    }
}

impl Handler<CancelOrder> for MockGateway {
    type Result = ();
    fn handle(&mut self, command: CancelOrder, _: &mut Context<Self>) {
        self.record(Command::Cancel(command));
        self.cancel(command.id);
    }
}

impl Handler<AmendOrder> for MockGateway {
    type Result = ();
    fn handle(&mut self, command: AmendOrder, _: &mut Context<Self>) {
        self.record(Command::Amend(command));
        if let Some(order) = self.orders.get_mut(&command.id) {
            order.terms.quantity = command.quantity;
            let order = order.clone();
            self.tell(
                &order,
                OrderEventKind::Amended {
                    quantity: command.quantity,
                },
            );
        }
    }
}

impl Handler<CancelAll> for MockGateway {
    type Result = ();
    fn handle(&mut self, command: CancelAll, _: &mut Context<Self>) {
        self.record(Command::CancelAll(command));
        let open: Vec<_> = self
            .orders
            .values()
            .filter(|order| order.state.may_be_open())
            .map(|order| order.id)
            .collect();
        open.into_iter().for_each(|id| self.cancel(id));
    }
}
