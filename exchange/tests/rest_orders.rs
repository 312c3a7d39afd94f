//! Orders over REST, over a real socket.

mod support;

use serde_json::json;
use support::Exchange;

#[actix_rt::test]
async fn an_order_lives_from_placement_to_cancel_under_its_client_id() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let placed = exchange.place("first", "BUY", "59000").await;
    assert_eq!(placed.json()["status"], "NEW");
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("1"));
    assert_eq!(
        exchange.place("first", "BUY", "58000").await.json()["msg"],
        "Duplicate order sent."
    );
    let found = exchange
        .signed(
            "GET",
            "/api/v3/order",
            "symbol=BTCUSDT&origClientOrderId=first",
        )
        .await
        .json();
    assert_eq!(found["orderId"], placed.json()["orderId"]);
    let neither = exchange
        .signed("GET", "/api/v3/order", "symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(
        neither["msg"],
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
    );
    let canceled = exchange
        .signed(
            "DELETE",
            "/api/v3/order",
            "symbol=BTCUSDT&origClientOrderId=first",
        )
        .await
        .json();
    assert_eq!(
        (&canceled["status"], &canceled["origClientOrderId"]),
        (&json!("CANCELED"), &json!("first"))
    );
    let again = exchange
        .signed(
            "DELETE",
            "/api/v3/order",
            "symbol=BTCUSDT&origClientOrderId=first",
        )
        .await;
    assert_eq!((again.status, again.code()), (400, -2011));
    let filled = exchange.place("taker", "BUY", "60001").await.json();
    assert_eq!(
        (&filled["status"], &filled["fills"][0]["price"]),
        (&json!("FILLED"), &json!("60001.00000000"))
    );
    let trades = exchange
        .signed("GET", "/api/v3/myTrades", "symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(trades[0]["id"], filled["fills"][0]["tradeId"]);
    let commission = exchange
        .signed("GET", "/api/v3/account/commission", "symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(commission["standardCommission"]["taker"], "0.00100000");
}

#[actix_rt::test]
async fn cancel_replace_tells_partial_from_complete_failure() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    exchange.place("old", "BUY", "59000").await;
    let replace = |cancel: &str, mode: &str, id: &str| {
        format!(
            "{}&cancelReplaceMode={mode}&cancelOrigClientOrderId={cancel}",
            Exchange::limit(id, "BUY", "58000")
        )
    };
    let path = "/api/v3/order/cancelReplace";
    let done = exchange
        .signed("POST", path, &replace("old", "STOP_ON_FAILURE", "new"))
        .await;
    assert_eq!(
        done.json()["newOrderResponse"]["clientOrderId"],
        "new",
        "{}",
        done.text
    );
    let stopped = exchange
        .signed("POST", path, &replace("gone", "STOP_ON_FAILURE", "x"))
        .await;
    assert_eq!((stopped.status, stopped.code()), (400, -2022));
    assert_eq!(stopped.json()["data"]["newOrderResult"], "NOT_ATTEMPTED");
    let allowed = exchange
        .signed("POST", path, &replace("gone", "ALLOW_FAILURE", "y"))
        .await;
    assert_eq!((allowed.status, allowed.code()), (409, -2021));
    assert_eq!(allowed.json()["data"]["cancelResponse"]["code"], -2011);
}

#[actix_rt::test]
async fn an_amend_keeps_the_order_and_takes_a_new_name() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    exchange.place("whole", "BUY", "59000").await;
    let params = "symbol=BTCUSDT&origClientOrderId=whole&newClientOrderId=half&newQty=0.0005";
    let amended = exchange
        .signed("PUT", "/api/v3/order/amend/keepPriority", params)
        .await
        .json();
    assert_eq!(amended["amendedOrder"]["qty"], "0.00050000");
    assert_eq!(amended["amendedOrder"]["clientOrderId"], "half");
    let order = amended["amendedOrder"]["orderId"].clone();
    let history = exchange
        .signed(
            "GET",
            "/api/v3/order/amendments",
            &format!("symbol=BTCUSDT&orderId={order}"),
        )
        .await;
    assert_eq!(
        history.json()[0]["origQty"],
        "0.00100000",
        "{}",
        history.text
    );
}
