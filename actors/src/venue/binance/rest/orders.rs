//! Orders and account by request (Binance Spot REST, "Trading endpoints" and "Account endpoints").

use std::time::Duration;

use awc::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use tripline_engine::halt::{Gate, HaltLevel};
use tripline_engine::ids::{ClientOrderId, Symbol, VenueOrderId};
use tripline_engine::messages::account::AccountBalances;
use tripline_engine::messages::order::{Execution, Fill, OrderReport, PlaceOrder, ReportSource};
use tripline_engine::money::Quantity;
use tripline_engine::ports::{Answer, OrderPort, OrderRef, PlaceOutcome, VenueError, Window};
use tripline_engine::risk::Approved;

use super::{Budget, Call, Query, RequestKind, RestClient, Sent, started, undecoded};
use crate::venue::binance::error::unreadable;
use crate::venue::binance::pages::{PAGE, of_order, pages};
use crate::venue::binance::wire::account::{self, Account};
use crate::venue::binance::wire::decode::DecodeError;
use crate::venue::binance::wire::order::{self, CancelReplaced};

const ORDER: &str = "/api/v3/order";

fn within(query: Query, window: Window) -> Query {
    query
        .with("startTime", window.from.as_millis())
        .with("endTime", window.until.as_millis())
}

fn since(query: Query, last: Option<&Execution>) -> Query {
    match last {
        None => query,
        Some(last) => query.with("fromId", last.fill.trade_id.0.saturating_add(1)),
    }
}

/// What became of a cancel-replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplaceOutcome {
    /// The gate was closed: nothing was sent, the old order stands.
    Held(HaltLevel),
    /// Nothing was sent, for a reason on this side.
    NotSent(VenueError),
    /// The venue answered for both halves, or its answer is unknown.
    Answered(Result<CancelReplaced, VenueError>),
}

/// The terms of an order and its id, in Binance's words. The id always goes along, and a self-trade
/// prevention only when one is given: symbols refuse modes that they do not list, `NONE` among them.
fn order_query(place: &PlaceOrder) -> Query {
    let terms = &place.terms;
    let mut query = Query::new()
        .with("symbol", terms.symbol)
        .with("side", terms.side)
        .with("type", terms.order_type);
    let words = [
        (
            "timeInForce",
            terms.time_in_force.map(|word| word.to_string()),
        ),
        ("quantity", Some(terms.quantity.to_string())),
        ("price", terms.price.map(|price| price.to_string())),
        ("stopPrice", terms.stop_price.map(|price| price.to_string())),
        ("newClientOrderId", Some(place.id.to_string())),
        ("newOrderRespType", Some("FULL".to_owned())),
        (
            "selfTradePreventionMode",
            terms.self_trade_prevention.map(|mode| mode.to_string()),
        ),
    ];
    for (name, value) in words {
        if let Some(value) = value {
            query.add(name, &value);
        }
    }
    query
}

fn about(order: &OrderRef) -> Query {
    Query::new()
        .with("symbol", order.symbol)
        .with("origClientOrderId", order.id)
}

fn changed<T>(result: Result<T, DecodeError>) -> Result<T, VenueError> {
    result.map_err(|error| undecoded(RequestKind::OrderChanging, &error))
}

/// The report, if it is about the order that was asked about.
fn about_it(id: ClientOrderId, report: OrderReport) -> Result<OrderReport, VenueError> {
    if report.id == id {
        return Ok(report);
    }
    let reason = format!("the answer is about {}, not about {id}", report.id);
    Err(unreadable(RequestKind::OrderChanging, "order", &reason, ""))
}

fn read<T>(result: Result<T, DecodeError>) -> Result<T, VenueError> {
    result.map_err(|error| undecoded(RequestKind::Read, &error))
}

impl OrderPort for RestClient {
    fn place(&self, order: &Approved<PlaceOrder>, gate: &Gate) -> Answer<PlaceOutcome> {
        let (this, place, gate) = (self.clone(), *order.get(), gate.clone());
        started(async move {
            let call = Call::change(Method::POST, ORDER, order_query(&place));
            let sent = match this.hand_over(call, &place, gate).await {
                Err(error) => return PlaceOutcome::NotSent(error),
                Ok(Sent::Held(level)) => return PlaceOutcome::Held(level),
                Ok(Sent::NotSent(error)) => {
                    let error = this.answered(RequestKind::OrderChanging, Sent::NotSent(error));
                    return PlaceOutcome::NotSent(error.err().unwrap_or_else(never_sent));
                }
                Ok(sent) => sent,
            };
            let text = this.answered(RequestKind::OrderChanging, sent);
            PlaceOutcome::Answered(
                text.and_then(|text| changed(order::placed(&text, &place.terms, this.0.time_unit)))
                    .and_then(|report| about_it(place.id, report)),
            )
        })
    }

    fn cancel(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>> {
        let this = self.clone();
        started(async move {
            let text = this
                .ask(Call::change(Method::DELETE, ORDER, about(&order)))
                .await?;
            changed(order::order(&text, ReportSource::Answer, this.0.time_unit))
                .and_then(|report| about_it(order.id, report))
        })
    }

    fn amend(
        &self,
        order: OrderRef,
        quantity: Quantity,
    ) -> Answer<Result<OrderReport, VenueError>> {
        let this = self.clone();
        started(async move {
            // Without an id of its own the venue gives the order a random new one.
            let query = about(&order)
                .with("newClientOrderId", order.id)
                .with("newQty", quantity);
            let path = "/api/v3/order/amend/keepPriority";
            let call = Call {
                weight: 4,
                budget: Budget::Query,
                ..Call::change(Method::PUT, path, query)
            };
            changed(order::amended(&this.ask(call).await?, this.0.time_unit))
                .and_then(|report| about_it(order.id, report))
        })
    }

    fn query(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>> {
        let this = self.clone();
        started(async move {
            let first = this.ask(Call::query(ORDER, 4, about(&order))).await;
            let text = match (first, order.venue_id) {
                (Err(VenueError::UnknownOrder { .. }), Some(number)) => {
                    let query = Query::new()
                        .with("symbol", order.symbol)
                        .with("orderId", number);
                    this.ask(Call::query(ORDER, 4, query)).await?
                }
                (first, _) => first?,
            };
            let report = read(order::order(&text, ReportSource::Query, this.0.time_unit))?;
            // The order may bear another id at the venue; to the engine it is the one asked for.
            Ok(OrderReport {
                id: order.id,
                ..report
            })
        })
    }

    fn open_orders(&self, symbol: Option<Symbol>) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        let this = self.clone();
        started(async move {
            let (query, weight) = match symbol {
                Some(symbol) => (Query::new().with("symbol", symbol), 6),
                None => (Query::new(), 80),
            };
            let text = this
                .ask(Call::query("/api/v3/openOrders", weight, query))
                .await?;
            read(order::orders(&text, this.0.time_unit))
        })
    }

    fn fills(&self, symbol: Symbol, order: VenueOrderId) -> Answer<Result<Vec<Fill>, VenueError>> {
        let this = self.clone();
        started(async move {
            let trades = pages(|last| {
                let query = Query::new().with("symbol", symbol).with("orderId", order);
                this.trades_page(5, since(query, last))
            });
            Ok(of_order(trades.await?, order))
        })
    }

    fn trades(&self, symbol: Symbol, window: Window) -> Answer<Result<Vec<Execution>, VenueError>> {
        let this = self.clone();
        started(async move {
            pages(|last: Option<&Execution>| {
                let query = Query::new().with("symbol", symbol);
                let query = match last {
                    None => within(query, window),
                    last => since(query, last),
                };
                this.trades_page(20, query)
            })
            .await
        })
    }

    fn history(
        &self,
        symbol: Symbol,
        window: Window,
    ) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        let this = self.clone();
        started(async move {
            pages(|last: Option<&OrderReport>| {
                let query = Query::new().with("symbol", symbol);
                let query = match last {
                    None => within(query, window),
                    Some(last) => query.with("orderId", last.venue_id.0.saturating_add(1)),
                };
                this.orders_page(query)
            })
            .await
        })
    }

    /// Assets that are not listed are zero.
    fn balances(&self) -> Answer<Result<AccountBalances, VenueError>> {
        let this = self.clone();
        started(async move { this.account().await.map(Account::into_balances) })
    }

    fn ready(&self) -> Result<(), VenueError> {
        self.is_warm()?;
        self.0.limits.may_place(self.0.clock.venue_now())
    }

    fn settle_time(&self) -> Duration {
        self.0.bounds.settle_time()
    }
}

fn never_sent() -> VenueError {
    VenueError::Network("not sent".to_owned())
}

/// What Binance offers beyond the port.
impl RestClient {
    /// The account, zero balances left out (weight 20).
    ///
    /// # Errors
    /// Any [`VenueError`] of a read.
    pub async fn account(&self) -> Result<Account, VenueError> {
        let query = Query::new().with("omitZeroBalances", true);
        let text = self.ask(Call::query("/api/v3/account", 20, query)).await?;
        read(account::account(&text, self.0.time_unit))
    }

    /// Has the venue check an order without placing it (`order/test`, weight 1). Balances are not checked.
    ///
    /// # Errors
    /// The [`VenueError`] that the order would meet.
    pub async fn test_order(&self, place: &PlaceOrder) -> Result<(), VenueError> {
        let query = order_query(place);
        let call = Call {
            method: Method::POST,
            ..Call::query("/api/v3/order/test", 1, query)
        };
        self.ask(call).await.map(drop)
    }

    /// Cancels every open order of a symbol, whoever placed it; none open is an empty list.
    ///
    /// # Errors
    /// [`VenueError::UnknownOutcome`] when it is not known what is still open.
    pub async fn cancel_all(&self, symbol: Symbol) -> Result<Vec<OrderReport>, VenueError> {
        let query = Query::new().with("symbol", symbol);
        match self
            .ask(Call::change(Method::DELETE, "/api/v3/openOrders", query))
            .await
        {
            Ok(text) => changed(order::canceled_all(&text, self.0.time_unit)),
            Err(VenueError::UnknownOrder { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Orders of a symbol, open and finished, oldest first (`allOrders`, weight 20).
    async fn orders_page(&self, query: Query) -> Result<Vec<OrderReport>, VenueError> {
        let call = Call {
            budget: Budget::Read,
            ..Call::query("/api/v3/allOrders", 20, query.with("limit", PAGE))
        };
        read(order::orders(&self.ask(call).await?, self.0.time_unit))
    }

    async fn trades_page(&self, weight: u64, query: Query) -> Result<Vec<Execution>, VenueError> {
        let call = Call::query("/api/v3/myTrades", weight, query.with("limit", PAGE));
        read(account::trades(&self.ask(call).await?, self.0.time_unit))
    }

    /// Cancels one order and, only if that succeeds, places another (`STOP_ON_FAILURE`: the other mode
    /// would have both working when the cancel fails). Behind the gate like a placement.
    pub fn cancel_replace(
        &self,
        old: OrderRef,
        new: &Approved<PlaceOrder>,
        gate: &Gate,
    ) -> Answer<ReplaceOutcome> {
        let (this, place, gate) = (self.clone(), *new.get(), gate.clone());
        started(async move {
            let query = order_query(&place)
                .with("cancelReplaceMode", "STOP_ON_FAILURE")
                .with("cancelOrigClientOrderId", old.id);
            let call = Call::change(Method::POST, "/api/v3/order/cancelReplace", query);
            let sent = match this.hand_over(call, &place, gate).await {
                Err(error) => return ReplaceOutcome::NotSent(error),
                Ok(Sent::Held(level)) => return ReplaceOutcome::Held(level),
                Ok(Sent::NotSent(error)) => {
                    let error = this.answered(RequestKind::OrderChanging, Sent::NotSent(error));
                    return ReplaceOutcome::NotSent(error.err().unwrap_or_else(never_sent));
                }
                Ok(sent) => sent,
            };
            let halves = halves(&sent);
            let answered = this.answered(RequestKind::OrderChanging, sent);
            ReplaceOutcome::Answered(match (answered, halves) {
                (Ok(text), _) => changed(order::cancel_replaced(
                    &text,
                    &place.terms,
                    this.0.time_unit,
                )),
                // Half done, or nothing done: the venue says which.
                (
                    Err(VenueError::Rejected { .. } | VenueError::RateLimited { .. }),
                    Some(halves),
                ) => changed(order::cancel_replaced(
                    &halves,
                    &place.terms,
                    this.0.time_unit,
                )),
                (Err(error), _) => Err(error),
            })
        })
    }
}

/// `data` of a cancel-replace that failed in part (-2021) or whole (-2022).
fn halves(sent: &Sent) -> Option<String> {
    #[derive(Deserialize)]
    struct Failed<'a> {
        code: i64,
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let Sent::Answered(answer) = sent else {
        return None;
    };
    let failed: Failed<'_> = serde_json::from_slice(&answer.body).ok()?;
    matches!(failed.code, -2021 | -2022).then(|| failed.data.get().to_owned())
}
