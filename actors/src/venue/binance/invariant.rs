//! C22: the last look before the wire. What stands in the bytes of a placement is what was approved: whatever lies
//! between the check and the socket, no order leaves with another quantity, price or side.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::money::parse_decimal;
use tripline_engine::ports::VenueError;

/// The terms as they stand in a request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
    side: Option<&'a str>,
    #[serde(rename = "type")]
    order_type: Option<&'a str>,
    quantity: Option<&'a str>,
    price: Option<&'a str>,
    stop_price: Option<&'a str>,
    new_client_order_id: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    params: Written<'a>,
}

/// Holds a frame of the WebSocket API against the order that was approved.
///
/// # Errors
/// [`VenueError::InvalidRequest`]: nothing may be sent.
pub(super) fn in_frame(frame: &str, order: &PlaceOrder) -> Result<(), VenueError> {
    let read: Frame<'_> = serde_json::from_str(frame)
        .map_err(|error| broken(order, &format!("the frame cannot be read: {error}")))?;
    hold(&read.params, order)
}

/// Holds the signed query of a REST request against the order that was approved.
///
/// # Errors
/// [`VenueError::InvalidRequest`]: nothing may be sent.
pub(super) fn in_query(query: &str, order: &PlaceOrder) -> Result<(), VenueError> {
    let mut read = Written::default();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let place = match name {
            "symbol" => {
                let symbol = percent_decode_str(value).decode_utf8();
                let symbol = symbol.map_err(|error| broken(order, &error.to_string()))?;
                if read.symbol.replace(symbol).is_some() {
                    return Err(broken(order, "symbol stands there twice"));
                }
                continue;
            }
            "side" => &mut read.side,
            "type" => &mut read.order_type,
            "quantity" => &mut read.quantity,
            "price" => &mut read.price,
            "stopPrice" => &mut read.stop_price,
            "newClientOrderId" => &mut read.new_client_order_id,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(broken(order, &format!("{name} stands there twice")));
        }
    }
    hold(&read, order)
}

fn hold(written: &Written<'_>, order: &PlaceOrder) -> Result<(), VenueError> {
    let terms = &order.terms;
    let decimal = |text: Option<&str>| text.map(|text| parse_decimal("amount", text)).transpose();
    let same = |text: Option<&str>, approved: Option<rust_decimal::Decimal>| {
        decimal(text).is_ok_and(|written| written == approved)
    };
    let held = [
        (
            "symbol",
            written.symbol.as_deref() == Some(terms.symbol.as_str()),
        ),
        ("side", written.side == Some(terms.side.as_str())),
        (
            "type",
            written.order_type == Some(terms.order_type.as_str()),
        ),
        (
            "quantity",
            same(written.quantity, Some(terms.quantity.value())),
        ),
        (
            "price",
            same(written.price, terms.price.map(|price| price.value())),
        ),
        (
            "stopPrice",
            same(
                written.stop_price,
                terms.stop_price.map(|price| price.value()),
            ),
        ),
        (
            "newClientOrderId",
            written.new_client_order_id == Some(order.id.as_str()),
        ),
    ];
    match held.into_iter().find(|(_, holds)| !holds) {
        Some((name, _)) => {
            let what = format!("{name} is not what was approved: {written:?} for {terms:?}");
            Err(broken(order, &what))
        }
        None => Ok(()),
    }
}

fn broken(order: &PlaceOrder, what: &str) -> VenueError {
    VenueError::InvalidRequest {
        code: 0,
        text: format!("C22_APPROVED_TERMS {} was not sent: {what}", order.id),
    }
}

#[cfg(test)]
mod tests {
    use tripline_engine::ids::{AccountId, ClientOrderId, StrategyId, Symbol};
    use tripline_engine::order::{NewOrder, OrderType, Side};
    use tripline_engine::time::Timestamp;

    use super::*;

    fn order(name: &str) -> PlaceOrder {
        PlaceOrder {
            id: ClientOrderId::new("t-a-00000000-1").unwrap(),
            strategy: StrategyId::new("a").unwrap(),
            account: AccountId::new("main").unwrap(),
            terms: NewOrder::triggered(
                Symbol::new(name).unwrap(),
                Side::Sell,
                OrderType::StopLossLimit,
                "0.50".parse().unwrap(),
                "100".parse().unwrap(),
                Some("99.5".parse().unwrap()),
            ),
            created: Timestamp::EPOCH,
        }
    }

    const FRAME: &str = r#"{"id":7,"method":"order.place","params":{"newClientOrderId":"t-a-00000000-1","price":"99.5","quantity":"0.5","recvWindow":5000,"side":"SELL","stopPrice":"100.0","symbol":"BTCUSDT","type":"STOP_LOSS_LIMIT"}}"#;
    const QUERY: &str = "symbol=BTCUSDT&side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.50&price=99.5&stopPrice=100&newClientOrderId=t-a-00000000-1&recvWindow=5000&signature=ab";

    #[test]
    fn bytes_that_say_what_was_approved_pass() {
        assert_eq!(in_frame(FRAME, &order("BTCUSDT")), Ok(()));
        assert_eq!(in_query(QUERY, &order("BTCUSDT")), Ok(()));
        let foreign = QUERY.replace("BTCUSDT", "%E8%BF%99456");
        assert_eq!(in_query(&foreign, &order("这456")), Ok(()));
    }

    #[test]
    fn bytes_that_say_anything_else_are_not_sent() {
        for (was, is) in [
            ("99.5", "99.6"),
            ("SELL", "BUY"),
            ("BTCUSDT", "ETHUSDT"),
            ("STOP_LOSS_LIMIT", "LIMIT"),
            ("t-a-00000000-1", "t-a-00000000-2"),
            ("stopPrice", "other"),
            ("quantity", "other"),
            ("\"0.5\"", "\"5\""),
            ("=0.50", "=5.0"),
            ("stopPrice=100", "stopPrice=100&stopPrice=100"),
        ] {
            if FRAME.contains(was) {
                assert!(
                    in_frame(&FRAME.replace(was, is), &order("BTCUSDT")).is_err(),
                    "{was}"
                );
            }
            if QUERY.contains(was) {
                assert!(
                    in_query(&QUERY.replace(was, is), &order("BTCUSDT")).is_err(),
                    "{was}"
                );
            }
        }
        assert!(in_frame("{", &order("BTCUSDT")).is_err());
        let bare = PlaceOrder {
            terms: NewOrder::market(
                Symbol::new("BTCUSDT").unwrap(),
                Side::Sell,
                "0.5".parse().unwrap(),
            ),
            ..order("BTCUSDT")
        };
        assert!(
            in_query(QUERY, &bare).is_err(),
            "a price that nobody approved"
        );
    }
}
