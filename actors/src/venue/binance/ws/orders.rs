//! Orders over the WebSocket API: the default [`OrderPort`].

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tripline_engine::halt::Gate;
use tripline_engine::ids::{ClientOrderId, Symbol, VenueOrderId};
use tripline_engine::messages::account::AccountBalances;
use tripline_engine::messages::order::{Execution, Fill, OrderReport, PlaceOrder, ReportSource};
use tripline_engine::money::Quantity;
use tripline_engine::ports::{Answer, OrderPort, OrderRef, PlaceOutcome, VenueError, Window};
use tripline_engine::risk::Approved;

use crate::venue::Connection;

use super::super::error::{RequestKind, unreadable};
use super::super::pages::{PAGE, of_order, pages};
use super::super::wire::decode::DecodeError;
use super::super::wire::{account, order};
use super::life::{Control, Life};
use super::requests::Params;
use super::session::{Account, Handed, Placing, Session, SessionRole};
use super::weight;

/// The order session of one account.
pub struct ApiOrders {
    session: Rc<Session>,
    account: Account,
    control: Rc<Control>,
    /// Whether the clock was out of its bound when it was measured last.
    clock_bad: Rc<Cell<bool>>,
}

impl ApiOrders {
    pub(super) fn start(account: Account, client: awc::Client, seed: u64) -> Self {
        let session = Session::new(account.clone(), None);
        let role = Rc::new(SessionRole(session.clone()));
        let control = Life::start(role, account.means(client, seed));
        Self {
            session,
            account,
            control,
            clock_bad: Rc::default(),
        }
    }

    /// Sets whether orders are refused for the clock's sake.
    pub fn set_clock_bad(&self, bad: bool) {
        self.clock_bad.set(bad);
    }

    /// Cancels everything that is open on a symbol, other programs' orders too; none open is an empty
    /// list.
    pub fn cancel_open_orders(
        &self,
        symbol: Symbol,
    ) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        let (params, unit) = (
            Params::default().text("symbol", symbol),
            self.account.time_unit,
        );
        let answer = self.changing("openOrders.cancelAll", params, move |text| {
            order::canceled_all(&text, unit)
        });
        Box::pin(async move {
            match answer.await {
                Err(VenueError::UnknownOrder { .. }) => Ok(Vec::new()),
                answer => answer,
            }
        })
    }

    fn reader(&self) -> Reader {
        Reader {
            session: self.session.clone(),
            account: self.account.clone(),
        }
    }

    fn changing<T: 'static>(
        &self,
        method: &'static str,
        params: Params,
        decode: impl FnOnce(String) -> Result<T, DecodeError> + 'static,
    ) -> Answer<Result<T, VenueError>> {
        // Handed over before this returns, so that a cancel does not wait for its future to be polled.
        let handed = self
            .session
            .hand_over(method, params, RequestKind::OrderChanging, None);
        let answer = self
            .session
            .clone()
            .answer(handed, RequestKind::OrderChanging);
        Box::pin(async move { decode(answer.await?).map_err(not_understood) })
    }
}

const ALL_ORDERS: &str = "allOrders";

/// Asks, within the venue's limits.
struct Reader {
    session: Rc<Session>,
    account: Account,
}

impl Reader {
    /// Handed over before this returns; the future waits for the result's text.
    fn read(
        &self,
        method: &'static str,
        params: Params,
        weight: u64,
    ) -> Answer<Result<String, VenueError>> {
        let now = self.account.clock.venue_now();
        let limits = &self.account.limits;
        let may = match method {
            ALL_ORDERS => limits.may_read(now, weight), // The past leaves the reserve to what is urgent.
            _ => limits.may_query(now, weight),
        };
        if let Err(error) = may {
            return Box::pin(std::future::ready(Err(error)));
        }
        limits.spend(now, weight);
        let kind = RequestKind::Read;
        let handed = self.session.hand_over(method, params, kind, None);
        Box::pin(self.session.clone().answer(handed, kind))
    }
}

impl Reader {
    fn trades_page(
        &self,
        symbol: Symbol,
        params: Params,
        weight: u64,
    ) -> impl Future<Output = Result<Vec<Execution>, VenueError>> + use<> {
        let params = params.text("symbol", symbol).number("limit", PAGE);
        let page = self.read("myTrades", params, weight);
        let unit = self.account.time_unit;
        async move { Ok(account::trades(&page.await?, unit)?) }
    }
}

fn within(window: Window) -> Params {
    Params::default()
        .number("startTime", window.from.as_millis())
        .number("endTime", window.until.as_millis())
}

fn since(params: Params, last: Option<&Execution>) -> Params {
    match last {
        None => params,
        Some(last) => params.number("fromId", last.fill.trade_id.0.saturating_add(1)),
    }
}

/// A request that changed something was answered in a way that cannot be read: its outcome is unknown.
fn not_understood(error: DecodeError) -> VenueError {
    unreadable(RequestKind::OrderChanging, "answer", &error.to_string(), "")
}

/// The report, if it is about the order that was asked about.
fn about_it(id: ClientOrderId, report: OrderReport) -> Result<OrderReport, VenueError> {
    if report.id == id {
        return Ok(report);
    }
    let reason = format!("the answer is about {}, not about {id}", report.id);
    Err(unreadable(RequestKind::OrderChanging, "order", &reason, ""))
}

fn place_params(command: &PlaceOrder) -> Params {
    let terms = &command.terms;
    let mut params = Params::default()
        .text("newClientOrderId", command.id)
        .text("newOrderRespType", "FULL")
        .text("quantity", terms.quantity)
        .text("side", terms.side)
        .text("symbol", terms.symbol)
        .text("type", terms.order_type);
    if let Some(price) = terms.price {
        params = params.text("price", price);
    }
    if let Some(stop_price) = terms.stop_price {
        params = params.text("stopPrice", stop_price);
    }
    if let Some(time_in_force) = terms.time_in_force {
        params = params.text("timeInForce", time_in_force);
    }
    if let Some(mode) = terms.self_trade_prevention {
        params = params.text("selfTradePreventionMode", mode);
    }
    params
}

fn by_id(order: OrderRef) -> Params {
    Params::default()
        .text("origClientOrderId", order.id)
        .text("symbol", order.symbol)
}

impl OrderPort for ApiOrders {
    fn place(&self, approved: &Approved<PlaceOrder>, gate: &Gate) -> Answer<PlaceOutcome> {
        let command = *approved.get();
        let now = self.account.clock.venue_now();
        if let Err(error) = self.account.limits.may_place(now) {
            return Box::pin(std::future::ready(PlaceOutcome::NotSent(error)));
        }
        let kind = RequestKind::OrderChanging;
        let placing = Placing {
            order: &command,
            gate,
        };
        let handed =
            match self
                .session
                .hand_over("order.place", place_params(&command), kind, Some(placing))
            {
                Handed::Held(level) => {
                    return Box::pin(std::future::ready(PlaceOutcome::Held(level)));
                }
                Handed::NotSent(error) => {
                    return Box::pin(std::future::ready(PlaceOutcome::NotSent(error)));
                }
                over @ Handed::Over(..) => over,
            };
        let answer = self.session.clone().answer(handed, kind);
        let unit = self.account.time_unit;
        Box::pin(async move {
            PlaceOutcome::Answered(
                answer
                    .await
                    .and_then(|text| {
                        order::placed(&text, &command.terms, unit).map_err(not_understood)
                    })
                    .and_then(|report| about_it(command.id, report)),
            )
        })
    }

    fn cancel(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>> {
        let unit = self.account.time_unit;
        let answer = self.changing("order.cancel", by_id(order), move |text| {
            order::order(&text, ReportSource::Answer, unit)
        });
        Box::pin(async move { about_it(order.id, answer.await?) })
    }

    fn amend(
        &self,
        order: OrderRef,
        quantity: Quantity,
    ) -> Answer<Result<OrderReport, VenueError>> {
        let now = self.account.clock.venue_now();
        if let Err(error) = self.account.limits.may_query(now, weight::AMEND) {
            return Box::pin(std::future::ready(Err(error)));
        }
        self.account.limits.spend(now, weight::AMEND);
        // The same id again: the order keeps its name through the amendment.
        let params = by_id(order)
            .text("newClientOrderId", order.id)
            .text("newQty", quantity);
        let unit = self.account.time_unit;
        let answer = self.changing("order.amend.keepPriority", params, move |text| {
            order::amended(&text, unit)
        });
        Box::pin(async move { about_it(order.id, answer.await?) })
    }

    fn query(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>> {
        let reader = self.reader();
        let first = reader.read("order.status", by_id(order), weight::QUERY);
        Box::pin(async move {
            let text = match (first.await, order.venue_id) {
                (Err(VenueError::UnknownOrder { .. }), Some(number)) => {
                    let params = Params::default()
                        .number("orderId", number)
                        .text("symbol", order.symbol);
                    reader.read("order.status", params, weight::QUERY).await?
                }
                (first, _) => first?,
            };
            let report = order::order(&text, ReportSource::Query, reader.account.time_unit)?;
            // The order may bear another id at the venue; to the engine it is the one asked for.
            Ok(OrderReport {
                id: order.id,
                ..report
            })
        })
    }

    fn open_orders(&self, symbol: Option<Symbol>) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        let (params, weight) = match symbol {
            Some(symbol) => (Params::default().text("symbol", symbol), weight::OPEN_ONE),
            None => (Params::default(), weight::OPEN_ALL),
        };
        let answer = self.reader().read("openOrders.status", params, weight);
        let unit = self.account.time_unit;
        Box::pin(async move { Ok(order::orders(&answer.await?, unit)?) })
    }

    fn fills(
        &self,
        symbol: Symbol,
        venue_id: VenueOrderId,
    ) -> Answer<Result<Vec<Fill>, VenueError>> {
        let reader = self.reader();
        Box::pin(async move {
            let trades = pages(|last| {
                let params = since(Params::default(), last).number("orderId", venue_id);
                reader.trades_page(symbol, params, weight::FILLS_OF_ORDER)
            });
            Ok(of_order(trades.await?, venue_id))
        })
    }

    fn trades(&self, symbol: Symbol, window: Window) -> Answer<Result<Vec<Execution>, VenueError>> {
        let reader = self.reader();
        Box::pin(async move {
            pages(|last: Option<&Execution>| {
                let params = match last {
                    None => within(window),
                    last => since(Params::default(), last),
                };
                reader.trades_page(symbol, params, weight::LIST)
            })
            .await
        })
    }

    fn history(
        &self,
        symbol: Symbol,
        window: Window,
    ) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        let reader = self.reader();
        Box::pin(async move {
            pages(|last: Option<&OrderReport>| {
                let params = match last {
                    None => within(window),
                    Some(last) => {
                        Params::default().number("orderId", last.venue_id.0.saturating_add(1))
                    }
                };
                let params = params.text("symbol", symbol).number("limit", PAGE);
                let page = reader.read(ALL_ORDERS, params, weight::LIST);
                let unit = reader.account.time_unit;
                async move { Ok(order::orders(&page.await?, unit)?) }
            })
            .await
        })
    }

    /// Assets that are not listed are zero.
    fn balances(&self) -> Answer<Result<AccountBalances, VenueError>> {
        let params = Params::default().number("omitZeroBalances", true);
        let answer = self
            .reader()
            .read("account.status", params, weight::ACCOUNT);
        let unit = self.account.time_unit;
        Box::pin(async move { Ok(account::account(&answer.await?, unit)?.into_balances()) })
    }

    fn ready(&self) -> Result<(), VenueError> {
        self.session.ready()?;
        if self.clock_bad.get() {
            return Err(VenueError::Clock {
                code: 0,
                text: "the clock is out of its bound".into(),
            });
        }
        self.account
            .limits
            .may_place(self.account.clock.venue_now())
    }

    fn settle_time(&self) -> Duration {
        self.account.bounds.settle_time()
    }
}

impl Connection for ApiOrders {
    fn close(&self) {
        self.control.close();
    }

    fn reconnect(&self, reason: &str) {
        self.control.reconnect(reason.to_owned());
    }
}

impl Drop for ApiOrders {
    fn drop(&mut self) {
        self.control.close();
    }
}
