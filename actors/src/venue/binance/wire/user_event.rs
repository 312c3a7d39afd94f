//! Events of the private stream (Binance Spot, "User Data Streams").

use rust_decimal::Decimal;
use serde::Deserialize;
use tripline_engine::ids::{Asset, ClientOrderId, Symbol, TradeId, VenueOrderId};
use tripline_engine::messages::account::Balance;
use tripline_engine::messages::order::{Fill, OrderReport, ReportSource};
use tripline_engine::money::{Notional, Price, Quantity};
use tripline_engine::order::{NewOrder, OrderType, Side, TimeInForce, VenueStatus};
use tripline_engine::time::Timestamp;

use super::decode::{DecodeError, DecodeReason, from_json};
use super::time::{Stamp, TimeUnit};

/// What one event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserEvent {
    Order(OrderReport),
    /// Only what may have changed.
    Balances {
        balances: Vec<Balance>,
        at: Timestamp,
    },
    /// A deposit, a transfer or, below zero, a withdrawal; zero where funds were locked or released.
    Moved {
        asset: Asset,
        change: Decimal,
        at: Timestamp,
    },
    /// No further event will come on this subscription.
    Terminated,
    ServerShutdown,
    /// Known, and nothing to do about: order lists tell nothing that the orders' own events do not.
    Ignored,
}

#[derive(Deserialize)]
struct Kind<'a> {
    e: &'a str,
}

/// `executionReport`; the fields that are not used are left out.
#[derive(Deserialize)]
struct Execution<'a> {
    #[serde(rename = "E")]
    event_time: Stamp,
    s: Symbol,
    c: &'a str,
    #[serde(rename = "C")]
    original: &'a str,
    #[serde(rename = "S")]
    side: Side,
    o: &'a str,
    f: &'a str,
    q: Quantity,
    p: Price,
    #[serde(rename = "P")]
    stop_price: Price,
    x: &'a str,
    #[serde(rename = "X")]
    status: VenueStatus,
    r: &'a str,
    i: VenueOrderId,
    l: Quantity,
    z: Quantity,
    #[serde(rename = "L")]
    last_price: Price,
    n: Option<&'a str>,
    #[serde(rename = "N")]
    fee_asset: Option<Asset>,
    #[serde(rename = "T")]
    time: Stamp,
    t: i64,
    m: bool,
    #[serde(rename = "Z")]
    notional: Notional,
    #[serde(rename = "eR")]
    expiry_reason: Option<&'a str>,
}

/// Execution types; another one is changed data, because money may depend on it.
const EXECUTIONS: [&str; 7] = [
    "NEW",
    "CANCELED",
    "REPLACED",
    "REJECTED",
    "TRADE",
    "EXPIRED",
    "TRADE_PREVENTION",
];

const WHAT: &str = "executionReport";

impl Execution<'_> {
    fn report(&self, text: &str, unit: TimeUnit) -> Result<OrderReport, DecodeError> {
        let no_time = |reason| DecodeError::new(WHAT, reason, text);
        let wrong = |problem: String| DecodeError::new(WHAT, DecodeReason::Json(problem), text);
        if !EXECUTIONS.contains(&self.x) {
            return Err(wrong(format!("unknown execution type x '{}'", self.x)));
        }
        // For a cancel or an amendment `c` is the id of that request and `C` the order's own; an
        // amendment names the order by `C` too, and the engine goes on calling it so.
        let id = if self.original.is_empty() {
            self.c
        } else {
            self.original
        };
        let id = ClientOrderId::new(id).map_err(|error| wrong(error.to_string()))?;
        let at = self.time.at("T", unit).map_err(no_time)?;
        let fills = if self.x == "TRADE" {
            let trade = u64::try_from(self.t)
                .map_err(|_| wrong(format!("a trade without a trade id: {}", self.t)))?;
            let fee = self.n.unwrap_or("0");
            let fee: Decimal = fee
                .parse()
                .map_err(|_| wrong(format!("commission n '{fee}' is no decimal")))?;
            vec![Fill {
                trade_id: TradeId(trade),
                price: self.last_price,
                quantity: self.l,
                fee,
                fee_asset: self.fee_asset,
                maker: Some(self.m),
                at,
                recovered: false,
            }]
        } else {
            Vec::new()
        };
        let reason = self
            .expiry_reason
            .or_else(|| Some(self.r).filter(|reason| *reason != "NONE"));
        Ok(OrderReport {
            id,
            symbol: self.s,
            venue_id: self.i,
            side: Some(self.side),
            terms: self.terms(),
            status: self.status,
            quantity: self.q,
            executed: self.z,
            executed_notional: Some(self.notional),
            reason: reason.map(str::to_owned),
            fills,
            source: ReportSource::Event,
            at: self.event_time.at("E", unit).map_err(no_time)?,
        })
    }

    /// `None` for an order type that this engine does not send.
    fn terms(&self) -> Option<NewOrder> {
        let order_type = OrderType::from_word(self.o)?;
        Some(NewOrder {
            symbol: self.s,
            side: self.side,
            order_type,
            quantity: self.q,
            price: order_type.needs_price().then_some(self.p),
            stop_price: order_type.needs_stop_price().then_some(self.stop_price),
            time_in_force: TimeInForce::from_word(self.f)
                .filter(|_| order_type.needs_time_in_force()),
            self_trade_prevention: None,
        })
    }
}

#[derive(Deserialize)]
struct Position {
    u: Stamp,
    #[serde(rename = "B")]
    balances: Vec<BalanceJson>,
}

/// `balanceUpdate` and `externalLockUpdate`.
#[derive(Deserialize)]
struct Movement {
    a: Asset,
    #[serde(with = "rust_decimal::serde::str")]
    d: Decimal,
    #[serde(rename = "T")]
    time: Stamp,
}

#[derive(Deserialize)]
struct BalanceJson {
    a: Asset,
    #[serde(with = "rust_decimal::serde::str")]
    f: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    l: Decimal,
}

/// Reads one event, without its envelope, on a connection whose time stamps have this unit.
///
/// # Errors
/// [`DecodeError`] for another structure, an unknown kind of event, execution or status.
pub fn user_event(text: &str, unit: TimeUnit) -> Result<UserEvent, DecodeError> {
    let kind: Kind<'_> = serde_json::from_str(text)
        .map_err(|error| DecodeError::json("user data event", &error, text))?;
    Ok(match kind.e {
        "executionReport" => {
            let execution: Execution<'_> = serde_json::from_str(text)
                .map_err(|error| DecodeError::json(WHAT, &error, text))?;
            UserEvent::Order(execution.report(text, unit)?)
        }
        "outboundAccountPosition" => {
            const WHAT: &str = "outboundAccountPosition";
            let position: Position = from_json(WHAT, text)?;
            let at = position.u.at("u", unit);
            let balance = |json: BalanceJson| Balance {
                asset: json.a,
                free: json.f,
                locked: json.l,
            };
            UserEvent::Balances {
                balances: position.balances.into_iter().map(balance).collect(),
                at: at.map_err(|reason| DecodeError::new(WHAT, reason, text))?,
            }
        }
        "balanceUpdate" => moved("balanceUpdate", text, unit, |change| change)?,
        "externalLockUpdate" => moved("externalLockUpdate", text, unit, |_| Decimal::ZERO)?,
        "listStatus" => UserEvent::Ignored,
        "eventStreamTerminated" => UserEvent::Terminated,
        "serverShutdown" => UserEvent::ServerShutdown,
        other => {
            let problem = format!("unknown event '{}'", super::decode::shortened(other, 40));
            return Err(DecodeError::new(
                "user data event",
                DecodeReason::Json(problem),
                text,
            ));
        }
    })
}

fn moved(
    what: &'static str,
    text: &str,
    unit: TimeUnit,
    change: fn(Decimal) -> Decimal,
) -> Result<UserEvent, DecodeError> {
    let Movement { a, d, time } = from_json(what, text)?;
    let at = time.at("T", unit);
    Ok(UserEvent::Moved {
        asset: a,
        change: change(d),
        at: at.map_err(|reason| DecodeError::new(what, reason, text))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILL: &str = r#"{"e":"executionReport","E":1790000000001,"s":"BTCUSDT","c":"e1-42","S":"BUY","o":"LIMIT","f":"GTC","q":"0.00200000","p":"50000.00000000","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":28,"l":"0.00100000","z":"0.00100000","L":"50000.00000000","n":"0.00000100","N":"BTC","T":1790000000000,"t":7,"I":63,"w":true,"m":false,"M":true,"O":1790000000000,"Z":"50.00000000","Y":"50.00000000","Q":"0.00000000","W":1790000000000,"V":"EXPIRE_MAKER"}"#;

    fn order(text: &str) -> OrderReport {
        match user_event(text, TimeUnit::Millisecond).unwrap() {
            UserEvent::Order(report) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_trade_is_a_fill_with_its_id_price_and_fee() {
        let report = order(FILL);
        assert_eq!(
            (report.id.as_str(), report.status),
            ("e1-42", VenueStatus::PartiallyFilled)
        );
        let [fill] = report.fills.as_slice() else {
            panic!("{report:?}")
        };
        assert_eq!(
            (fill.trade_id, fill.quantity),
            (TradeId(7), "0.001".parse().unwrap())
        );
        assert_eq!((fill.fee, fill.maker), (Decimal::new(1, 6), Some(false)));
    }

    #[test]
    fn a_cancel_is_told_by_the_orders_own_id() {
        let text = FILL
            .replace(r#""c":"e1-42""#, r#""c":"cancel-request""#)
            .replace(r#""C":"""#, r#""C":"e1-42""#)
            .replace(r#""x":"TRADE""#, r#""x":"CANCELED""#)
            .replace("PARTIALLY_FILLED", "CANCELED")
            .replace(r#""t":7"#, r#""t":-1"#);
        let report = order(&text);
        assert_eq!(
            (report.id.as_str(), report.status),
            ("e1-42", VenueStatus::Canceled)
        );
        assert!(report.fills.is_empty());
    }

    #[test]
    fn an_unknown_status_execution_or_event_is_refused_with_the_fragment() {
        let cases = [
            FILL.replace("PARTIALLY_FILLED", "HALF_FILLED"),
            FILL.replace(r#""x":"TRADE""#, r#""x":"BUST""#),
            FILL.replace("executionReport", "executionReport2"),
            FILL.replace(r#""q":"0.00200000""#, r#""q":0.002"#),
            FILL.replace(r#""t":7"#, r#""t":-1"#),
        ];
        for text in cases {
            let error = user_event(&text, TimeUnit::Millisecond).unwrap_err();
            assert!(error.to_string().len() < 700, "{error}");
        }
    }

    #[test]
    fn microseconds_are_the_same_instants_and_the_other_unit_is_refused() {
        let micros = FILL
            .replace("1790000000000", "1790000000000000")
            .replace("1790000000001", "1790000000001000");
        let read = |text: &str| user_event(text, TimeUnit::Microsecond);
        assert_eq!(read(&micros), Ok(UserEvent::Order(order(FILL))));
        let position =
            r#"{"e":"outboundAccountPosition","E":1790000000001,"u":1790000000000,"B":[]}"#;
        for text in [FILL, position] {
            let error = read(text).unwrap_err();
            assert!(
                matches!(error.reason, DecodeReason::NoTime { .. }),
                "{error}"
            );
        }
        assert!(user_event(&micros, TimeUnit::Millisecond).is_err());
    }

    #[test]
    fn a_movement_from_outside_tells_its_amount_and_a_lock_moves_nothing() {
        let text = r#"{"e":"balanceUpdate","E":1790000000001,"a":"USDT","d":"-100.50000000","T":1790000000000}"#;
        let moved = |change: &str| UserEvent::Moved {
            asset: "USDT".parse().unwrap(),
            change: change.parse().unwrap(),
            at: Timestamp::from_millis(1_790_000_000_000),
        };
        assert_eq!(user_event(text, TimeUnit::Millisecond), Ok(moved("-100.5")));
        let lock = text.replace("balanceUpdate", "externalLockUpdate");
        assert_eq!(user_event(&lock, TimeUnit::Millisecond), Ok(moved("0")));
        let number = text.replace(r#""-100.50000000""#, "-100.5");
        assert!(user_event(&number, TimeUnit::Millisecond).is_err());
    }

    #[test]
    fn unknown_fields_pass() {
        assert_eq!(
            order(&FILL.replacen('{', r#"{"zz":[1,{"a":2}],"#, 1)),
            order(FILL)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(at in 0usize..600, byte in any::<u8>()) {
            let mut bytes = FILL.as_bytes().to_vec();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Ok(text) = std::str::from_utf8(&bytes) {
                drop(user_event(text, TimeUnit::Millisecond));
            }
        }
    }
}
