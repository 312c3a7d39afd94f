//! The orders of Binance's answers, in all the forms that REST and the WebSocket API use (`ACK`,
//! `RESULT`, `FULL`, query, cancel, amend, cancel-replace), as reports.
//!
//! Strict where money depends on it: a status or side that is not known, a number that is no text and
//! an amount that is missing are errors. Other unknown words leave out what they would have said.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use tripline_engine::ids::{Asset, ClientOrderId, Symbol, TradeId, VenueOrderId};
use tripline_engine::messages::order::{Fill, OrderReport, ReportSource};
use tripline_engine::money::{Notional, Price, Quantity, parse_decimal};
use tripline_engine::order::{
    NewOrder, OrderType, SelfTradePrevention, Side, TimeInForce, VenueStatus,
};
use tripline_engine::time::Timestamp;

use super::decode::{DecodeError, DecodeReason, from_json};
use super::time::{Stamp, TimeUnit};

/// A decimal as text, of either sign.
///
/// # Errors
/// When the value is not the text of a plain decimal.
pub(super) fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    struct Text;
    impl de::Visitor<'_> for Text {
        type Value = Decimal;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a decimal in quotes")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
            parse_decimal("decimal", text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text)
}

fn maybe_decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    decimal(deserializer).map(Some)
}

/// A word of the venue that must be known.
fn word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    what: &str,
    read: fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).ok_or_else(|| de::Error::custom(format_args!("unknown {what} '{text}'")))
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VenueStatus, D::Error> {
    word(deserializer, "order status", VenueStatus::from_word)
}

fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Side, D::Error> {
    word(deserializer, "side", Side::from_word)
}

/// One entry of `fills`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FillJson {
    price: Price,
    qty: Quantity,
    #[serde(deserialize_with = "decimal")]
    commission: Decimal,
    commission_asset: Option<Asset>,
    trade_id: TradeId,
}

impl FillJson {
    fn fill(self, at: Timestamp) -> Fill {
        Fill {
            trade_id: self.trade_id,
            price: self.price,
            quantity: self.qty,
            fee: self.commission,
            fee_asset: self.commission_asset,
            maker: None,
            at,
            recovered: false,
        }
    }
}

/// An order with its status: every form but `ACK`. Amendments spell two of the fields differently.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderJson {
    symbol: Symbol,
    order_id: VenueOrderId,
    client_order_id: String,
    /// In the answer to a cancel the order's own id; `clientOrderId` is then the cancel's.
    orig_client_order_id: Option<String>,
    price: Price,
    #[serde(alias = "qty")]
    orig_qty: Quantity,
    executed_qty: Quantity,
    /// Negative where the venue no longer has it.
    #[serde(
        rename = "cummulativeQuoteQty",
        alias = "cumulativeQuoteQty",
        default,
        deserialize_with = "maybe_decimal"
    )]
    quote_qty: Option<Decimal>,
    #[serde(deserialize_with = "status")]
    status: VenueStatus,
    time_in_force: Option<String>,
    #[serde(rename = "type")]
    order_type: String,
    #[serde(deserialize_with = "side")]
    side: Side,
    stop_price: Option<Price>,
    transact_time: Option<Stamp>,
    update_time: Option<Stamp>,
    time: Option<Stamp>,
    #[serde(default)]
    fills: Vec<FillJson>,
    self_trade_prevention_mode: Option<String>,
    expiry_reason: Option<String>,
}

impl OrderJson {
    /// The terms, when every word of them is known.
    fn terms(&self) -> Option<NewOrder> {
        let order_type = OrderType::from_word(&self.order_type)?;
        let time_in_force = match &self.time_in_force {
            Some(word) if order_type.needs_time_in_force() => Some(TimeInForce::from_word(word)?),
            _ => None,
        };
        let mode = self.self_trade_prevention_mode.as_deref();
        Some(NewOrder {
            symbol: self.symbol,
            side: self.side,
            order_type,
            quantity: self.orig_qty,
            price: order_type.needs_price().then_some(self.price),
            stop_price: self
                .stop_price
                .filter(|price| order_type.needs_stop_price() && !price.is_zero()),
            time_in_force,
            self_trade_prevention: mode.and_then(SelfTradePrevention::from_word),
        })
    }

    fn report(
        self,
        source: ReportSource,
        at: Option<Stamp>,
        unit: TimeUnit,
    ) -> Result<OrderReport, DecodeReason> {
        let own = self
            .orig_client_order_id
            .as_deref()
            .filter(|id| !id.is_empty());
        let id = ClientOrderId::new(own.unwrap_or(&self.client_order_id))
            .map_err(|error| DecodeReason::Json(error.to_string()))?;
        let at = at.or(self.transact_time).or(self.update_time).or(self.time);
        let at = at.ok_or_else(|| {
            let problem = "none of 'transactTime', 'updateTime' and 'time' is there";
            DecodeReason::Json(problem.into())
        })?;
        let at = at.at("transactTime", unit)?;
        let quote_qty = self.quote_qty.and_then(|value| Notional::new(value).ok());
        Ok(OrderReport {
            id,
            symbol: self.symbol,
            venue_id: self.order_id,
            side: Some(self.side),
            terms: self.terms(),
            status: self.status,
            quantity: self.orig_qty,
            executed: self.executed_qty,
            executed_notional: quote_qty,
            reason: self.expiry_reason,
            fills: self.fills.into_iter().map(|fill| fill.fill(at)).collect(),
            source,
            at,
        })
    }
}

/// Only what `ACK` has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AckJson {
    symbol: Symbol,
    order_id: VenueOrderId,
    client_order_id: ClientOrderId,
    transact_time: Stamp,
}

/// The answer to an amendment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AmendJson {
    transact_time: Stamp,
    amended_order: OrderJson,
}

/// An entry of the answer to "cancel all": an order, or a list of orders.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListJson {
    order_reports: Vec<OrderJson>,
}

fn reported(
    what: &'static str,
    text: &str,
    report: Result<OrderReport, DecodeReason>,
) -> Result<OrderReport, DecodeError> {
    report.map_err(|reason| DecodeError::new(what, reason, text))
}

/// Reads one order: a placement's `RESULT` or `FULL`, a query, or the answer to a cancel. `unit` is that
/// of the answer's time stamps, here and below.
///
/// # Errors
/// [`DecodeError`] for another structure, an unknown status or side.
pub fn order(text: &str, source: ReportSource, unit: TimeUnit) -> Result<OrderReport, DecodeError> {
    const WHAT: &str = "order";
    let order: OrderJson = from_json(WHAT, text)?;
    reported(WHAT, text, order.report(source, None, unit))
}

/// Reads the answer to a placement in any of its forms. An `ACK` says nothing of status and amounts:
/// it is read as a new order with the terms that were sent.
///
/// # Errors
/// As [`order`].
pub fn placed(text: &str, terms: &NewOrder, unit: TimeUnit) -> Result<OrderReport, DecodeError> {
    #[derive(Deserialize)]
    struct Form<'a> {
        #[serde(borrow)]
        status: Option<&'a RawValue>,
    }
    const WHAT: &str = "placed order";
    // Only a reader over the text itself can lend parts of it.
    let form: Form<'_> =
        serde_json::from_str(text).map_err(|error| DecodeError::json(WHAT, &error, text))?;
    if form.status.is_some() {
        let order: OrderJson = from_json(WHAT, text)?;
        return reported(WHAT, text, order.report(ReportSource::Answer, None, unit));
    }
    let ack: AckJson = from_json(WHAT, text)?;
    let at = ack.transact_time.at("transactTime", unit);
    let at = at.map_err(|reason| DecodeError::new(WHAT, reason, text))?;
    Ok(OrderReport {
        id: ack.client_order_id,
        symbol: ack.symbol,
        venue_id: ack.order_id,
        side: Some(terms.side),
        terms: Some(*terms),
        status: VenueStatus::New,
        quantity: terms.quantity,
        executed: Quantity::ZERO,
        executed_notional: None,
        reason: None,
        fills: Vec::new(),
        source: ReportSource::Answer,
        at,
    })
}

/// Reads the answer to an amendment.
///
/// # Errors
/// As [`order`].
pub fn amended(text: &str, unit: TimeUnit) -> Result<OrderReport, DecodeError> {
    const WHAT: &str = "amended order";
    let answer: AmendJson = from_json(WHAT, text)?;
    let at = Some(answer.transact_time);
    reported(
        WHAT,
        text,
        answer.amended_order.report(ReportSource::Answer, at, unit),
    )
}

/// Reads a list of orders: `openOrders`, `allOrders`.
///
/// # Errors
/// As [`order`]; one order that cannot be read refuses the list.
pub fn orders(text: &str, unit: TimeUnit) -> Result<Vec<OrderReport>, DecodeError> {
    const WHAT: &str = "list of orders";
    let orders: Vec<OrderJson> = from_json(WHAT, text)?;
    orders
        .into_iter()
        .map(|order| reported(WHAT, text, order.report(ReportSource::Query, None, unit)))
        .collect()
}

/// Reads the answer to "cancel all open orders of a symbol": orders, and lists with their orders.
///
/// # Errors
/// As [`order`].
pub fn canceled_all(text: &str, unit: TimeUnit) -> Result<Vec<OrderReport>, DecodeError> {
    const WHAT: &str = "canceled orders";
    let entries: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| DecodeError::json(WHAT, &error, text))?;
    let mut reports = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = entry.get();
        let orders = if entry.contains("\"orderReports\"") {
            from_json::<ListJson>(WHAT, entry)?.order_reports
        } else {
            vec![from_json::<OrderJson>(WHAT, entry)?]
        };
        for order in orders {
            reports.push(reported(
                WHAT,
                entry,
                order.report(ReportSource::Answer, None, unit),
            )?);
        }
    }
    Ok(reports)
}

/// What became of one half of a cancel-replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Half {
    Done(Box<OrderReport>),
    Refused { code: i64, message: String },
    NotAttempted,
}

/// What became of a cancel-replace: both halves on their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelReplaced {
    pub cancel: Half,
    pub new: Half,
}

/// Reads the answer to a cancel-replace: the body of a success, or `data` of its error.
///
/// # Errors
/// As [`order`].
pub fn cancel_replaced(
    text: &str,
    terms: &NewOrder,
    unit: TimeUnit,
) -> Result<CancelReplaced, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Both<'a> {
        cancel_result: String,
        new_order_result: String,
        #[serde(borrow)]
        cancel_response: Option<&'a RawValue>,
        #[serde(borrow)]
        new_order_response: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Refusal {
        code: i64,
        msg: String,
    }
    const WHAT: &str = "cancel-replace";
    let json = |error: &serde_json::Error| DecodeError::json(WHAT, error, text);
    let both: Both<'_> = serde_json::from_str(text).map_err(|error| json(&error))?;
    let half = |result: &str,
                response: Option<&RawValue>,
                read: &dyn Fn(&str) -> Result<OrderReport, DecodeError>| {
        match (result, response) {
            ("SUCCESS", Some(response)) => {
                read(response.get()).map(|report| Half::Done(Box::new(report)))
            }
            ("FAILURE", Some(response)) => from_json::<Refusal>(WHAT, response.get())
                .map(|Refusal { code, msg }| Half::Refused { code, message: msg }),
            ("NOT_ATTEMPTED", _) => Ok(Half::NotAttempted),
            _ => {
                let error =
                    de::Error::custom(format_args!("result '{result}' without its response"));
                Err(json(&error))
            }
        }
    };
    Ok(CancelReplaced {
        cancel: half(&both.cancel_result, both.cancel_response, &|text| {
            order(text, ReportSource::Answer, unit)
        })?,
        new: half(&both.new_order_result, both.new_order_response, &|text| {
            placed(text, terms, unit)
        })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: TimeUnit = TimeUnit::Millisecond;

    const FULL: &str = r#"{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"t-quoter-mf0q1zk0-1","transactTime":1790000000000,"price":"50000.00000000","origQty":"0.00200000","executedQty":"0.00100000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"50.00000000","status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000000,"fills":[{"price":"50000.00000000","qty":"0.00100000","commission":"0.00000100","commissionAsset":"BTC","tradeId":7}],"selfTradePreventionMode":"EXPIRE_MAKER"}"#;
    const CANCEL: &str = r#"{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":4,"orderListId":-1,"clientOrderId":"cancelMyOrder1","transactTime":1684804350068,"price":"2.00000000","origQty":"1.00000000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"BUY","selfTradePreventionMode":"NONE"}"#;

    fn terms() -> NewOrder {
        NewOrder::limit(
            Symbol::new("BTCUSDT").unwrap(),
            Side::Buy,
            "0.002".parse().unwrap(),
            "50000".parse().unwrap(),
        )
    }

    #[test]
    fn microseconds_are_the_same_instant_and_the_other_unit_is_refused() {
        let micros = FULL.replace(
            r#""transactTime":1790000000000"#,
            r#""transactTime":1790000000000000"#,
        );
        let read = |text, unit| placed(text, &terms(), unit);
        assert_eq!(
            read(&micros, TimeUnit::Microsecond).unwrap(),
            read(FULL, MILLIS).unwrap()
        );
        assert!(read(&micros, MILLIS).is_err());
        let error = read(FULL, TimeUnit::Microsecond).unwrap_err().to_string();
        assert!(error.contains("no time in Microseconds"), "{error}");
    }

    #[test]
    fn a_full_answer_reports_terms_amounts_and_fills() {
        let report = placed(FULL, &terms(), MILLIS).unwrap();
        assert_eq!(report.id.as_str(), "t-quoter-mf0q1zk0-1");
        assert_eq!(
            (report.venue_id, report.status),
            (VenueOrderId(28), VenueStatus::PartiallyFilled)
        );
        assert_eq!(report.executed.to_string(), "0.00100000");
        assert_eq!(report.executed_notional, Some("50".parse().unwrap()));
        let expected = terms().with_self_trade_prevention(SelfTradePrevention::ExpireMaker);
        assert_eq!(report.terms, Some(expected));
        let fill = &report.fills[0];
        assert_eq!(
            (fill.trade_id, fill.fee.to_string().as_str(), fill.maker),
            (TradeId(7), "0.00000100", None)
        );
        assert_eq!(fill.fee_asset, Some(Asset::new("BTC").unwrap()));
    }

    #[test]
    fn an_acknowledgement_is_a_new_order_with_the_terms_that_were_sent() {
        let ack = r#"{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"a-1","transactTime":1790000000000}"#;
        let report = placed(ack, &terms(), MILLIS).unwrap();
        assert_eq!(
            (report.status, report.quantity),
            (VenueStatus::New, terms().quantity)
        );
        assert!(report.executed.is_zero() && report.executed_notional.is_none());
    }

    #[test]
    fn a_cancel_is_reported_under_the_orders_own_id() {
        let report = order(CANCEL, ReportSource::Answer, MILLIS).unwrap();
        assert_eq!(
            (report.id.as_str(), report.status),
            ("myOrder1", VenueStatus::Canceled)
        );
    }

    #[test]
    fn an_amendment_reports_the_reduced_quantity_from_its_own_spelling() {
        let text = r#"{"transactTime":1741923284382,"executionId":16,"amendedOrder":{"symbol":"BTCUSDT","orderId":12,"orderListId":-1,"origClientOrderId":"my_test_order1","clientOrderId":"4zR9HFcEq8gM1tWUqPEUHc","price":"5.00000000","qty":"5.00000000","executedQty":"0.00000000","preventedQty":"0.00000000","quoteOrderQty":"0.00000000","cumulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1741923284364,"selfTradePreventionMode":"NONE"}}"#;
        let report = amended(text, MILLIS).unwrap();
        assert_eq!(
            (report.id.as_str(), report.quantity.to_string().as_str()),
            ("my_test_order1", "5.00000000")
        );
        assert_eq!(report.at, Timestamp::from_millis(1_741_923_284_382));
    }

    #[test]
    fn all_orders_of_a_mixed_cancel_are_reported() {
        let leg = CANCEL.replace("myOrder1\"", "leg\"");
        let text = format!(
            r#"[{CANCEL},{{"orderListId":1929,"contingencyType":"OCO","orders":[],"orderReports":[{leg},{leg}]}}]"#
        );
        let ids: Vec<_> = canceled_all(&text, MILLIS)
            .unwrap()
            .iter()
            .map(|report| report.id.to_string())
            .collect();
        assert_eq!(ids, ["myOrder1", "leg", "leg"]);
    }

    #[test]
    fn the_halves_of_a_cancel_replace_are_told_apart() {
        let text = format!(
            r#"{{"cancelResult":"SUCCESS","newOrderResult":"FAILURE","cancelResponse":{CANCEL},"newOrderResponse":{{"code":-2010,"msg":"Order would immediately match and take."}}}}"#
        );
        let both = cancel_replaced(&text, &terms(), MILLIS).unwrap();
        assert!(matches!(&both.cancel, Half::Done(report) if report.id.as_str() == "myOrder1"));
        assert!(matches!(&both.new, Half::Refused { code: -2010, .. }));
        let none = r#"{"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED","cancelResponse":{"code":-2011,"msg":"Unknown order sent."},"newOrderResponse":null}"#;
        assert_eq!(
            cancel_replaced(none, &terms(), MILLIS).unwrap().new,
            Half::NotAttempted
        );
        assert!(cancel_replaced(&text.replace("FAILURE", "MAYBE"), &terms(), MILLIS).is_err());
    }

    #[test]
    fn words_that_money_depends_on_must_be_known_and_others_leave_a_gap() {
        for (from, to) in [
            ("PARTIALLY_FILLED", "HALF_FILLED"),
            ("\"BUY\"", "\"LONG\""),
            ("\"0.00100000\",\"origQuote", "0.001,\"origQuote"),
            ("\"executedQty\"", "\"executed\""),
            ("\"tradeId\":7", "\"tradeId\":-1"),
            ("\"transactTime\"", "\"sometime\""),
            ("\"50.00000000\"", "\"5e1\""),
            ("t-quoter", "t.quoter"),
        ] {
            let text = FULL.replace(from, to);
            assert_ne!(text, FULL, "{from}");
            let error = placed(&text, &terms(), MILLIS).unwrap_err();
            assert!(!error.fragment.is_empty(), "{error}");
        }
        let later = FULL
            .replace("\"LIMIT\"", "\"ICE_LIMIT\"")
            .replace("\"orderId\"", "\"news\":[1],\"orderId\"");
        assert_eq!(placed(&later, &terms(), MILLIS).unwrap().terms, None);
        let gone = FULL.replace("\"50.00000000\"", "\"-1.00000000\"");
        assert_eq!(
            placed(&gone, &terms(), MILLIS).unwrap().executed_notional,
            None
        );
    }
}
