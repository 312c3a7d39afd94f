//! The private stream.

use super::orders::{ed25519, hmac, is_signed_by, payload};
use super::*;

use tripline_engine::ports::VenueError;

use crate::feed::PrivateEvent;

const POSITION: &str = r#"{"subscriptionId":0,"event":{"e":"outboundAccountPosition","E":1790000000001,"u":1790000000000,"B":[{"a":"BTC","f":"1.00000000","l":"0.00000000"}]}}"#;
const FILL: &str = r#"{"subscriptionId":0,"event":{"e":"executionReport","E":1790000000001,"s":"BTCUSDT","c":"e1-42","S":"BUY","o":"LIMIT","f":"GTC","q":"0.00200000","p":"50000.00000000","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":28,"l":"0.00100000","z":"0.00100000","L":"50000.00000000","n":"0.00000100","N":"BTC","T":1790000000000,"t":7,"I":63,"w":true,"m":false,"M":true,"O":1790000000000,"Z":"50.00000000","Y":"50.00000000","Q":"0.00000000","W":1790000000000,"V":"EXPIRE_MAKER"}}"#;

fn is_up(event: &PrivateEvent) -> bool {
    matches!(event, PrivateEvent::Up)
}

fn is_down(event: &PrivateEvent) -> bool {
    matches!(event, PrivateEvent::Down { .. })
}

/// Answers the subscription of an HMAC key.
async fn subscribe(peer: &mut Peer) {
    let request = peer.request().await;
    assert_eq!(request["method"], "userDataStream.subscribe.signature");
    assert!(payload(&request).starts_with("apiKey=") && request["params"]["signature"].is_string());
    peer.answer(&request, json!({"subscriptionId": 0})).await;
}

#[actix_rt::test]
async fn with_hmac_the_subscription_is_signed_and_events_arrive() {
    let (client, mut network) = network(65_536);
    let (told, sink) = Told::sink();
    let _stream = hmac(&client).private_stream(sink, 7);
    let mut peer = network.accept().await;
    subscribe(&mut peer).await;
    told.until("up", is_up).await;
    peer.say(FILL).await;
    let PrivateEvent::Report(report) = told
        .until("report", |event| matches!(event, PrivateEvent::Report(_)))
        .await
    else {
        panic!()
    };
    assert_eq!((report.id.as_str(), report.fills.len()), ("e1-42", 1));
    peer.say(POSITION).await;
    told.until("balances", |event| {
        matches!(event, PrivateEvent::Balances { .. })
    })
    .await;
    // A deposit says what moved, not what is there.
    peer.say(
        r#"{"subscriptionId":0,"event":{"e":"balanceUpdate","E":1,"a":"BTC","d":"1.0","T":1790000000000}}"#,
    )
    .await;
    let moved = told.until("a movement", |event| {
        matches!(event, PrivateEvent::Moved { .. })
    });
    let PrivateEvent::Moved { asset, change, .. } = moved.await else {
        panic!()
    };
    assert_eq!((asset.as_str(), change.to_string()), ("BTC", "1.0".into()));
    peer.say(r#"{"subscriptionId":0,"event":{"e":"listStatus","E":1,"s":"BTCUSDT"}}"#)
        .await;
    for malformed in [
        FILL.replace("\"TRADE\"", "\"BUST\""),
        r#"{"subscriptionId":0,"event":{"e":"somethingNew"}}"#.into(),
        "<html>".into(),
    ] {
        peer.say(&malformed).await;
        told.until("malformed", |event| {
            matches!(event, PrivateEvent::Malformed(_))
        })
        .await;
    }
    peer.say(POSITION).await;
    told.until("balances", |event| {
        matches!(event, PrivateEvent::Balances { .. })
    })
    .await;
    assert!(told.all().is_empty(), "{told:?}");
}

#[actix_rt::test]
async fn with_ed25519_the_session_logs_on_first() {
    let (client, mut network) = network(65_536);
    let (account, public) = ed25519(&client);
    let (told, sink) = Told::sink();
    let _stream = account.private_stream(sink, 7);
    let mut peer = network.accept().await;
    let log_on = peer.request().await;
    assert_eq!(log_on["method"], "session.logon");
    assert!(is_signed_by(&public, &log_on));
    peer.answer(&log_on, json!({})).await;
    let subscribe = peer.request().await;
    assert_eq!(subscribe["method"], "userDataStream.subscribe");
    assert!(subscribe.get("params").is_none(), "{subscribe}");
    assert!(
        told.all().is_empty(),
        "up before the subscription: {told:?}"
    );
    peer.answer(&subscribe, json!({"subscriptionId": 0})).await;
    told.until("up", is_up).await;
}

#[actix_rt::test]
async fn a_terminated_subscription_is_down_until_it_is_made_again() {
    let (client, mut network) = network(65_536);
    let (told, sink) = Told::sink();
    let _stream = hmac(&client).private_stream(sink, 7);
    let mut peer = network.accept().await;
    subscribe(&mut peer).await;
    told.until("up", is_up).await;
    peer.say(r#"{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1790000000000}}"#)
        .await;
    told.until("down", is_down).await;
    let mut peer = network.accept().await;
    subscribe(&mut peer).await;
    told.until("up", is_up).await;
}

#[actix_rt::test]
async fn a_hand_over_has_no_gap_and_tells_to_ask_again() {
    let (client, mut network) = network(65_536);
    let (told, sink) = Told::sink();
    let _stream = hmac(&client).private_stream(sink, 7);
    let mut old = network.accept().await;
    subscribe(&mut old).await;
    told.until("up", is_up).await;
    old.say(r#"{"event":{"e":"serverShutdown","E":1790000000000}}"#)
        .await;
    let mut new = network.accept().await;
    old.say(FILL).await;
    told.until("report over the old", |event| {
        matches!(event, PrivateEvent::Report(_))
    })
    .await;
    subscribe(&mut new).await;
    told.until("up", is_up).await;
    // In the overlap both deliver.
    old.say(FILL).await;
    new.say(FILL).await;
    for _ in 0..2 {
        told.until("report", |event| matches!(event, PrivateEvent::Report(_)))
            .await;
    }
    assert!(told.all().is_empty(), "{told:?}");
}

#[actix_rt::test]
async fn a_revoked_or_refused_key_is_told_as_such() {
    let (client, mut network) = network(65_536);
    let (told, sink) = Told::sink();
    let _stream = hmac(&client).private_stream(sink, 7);
    let mut peer = network.accept().await;
    subscribe(&mut peer).await;
    told.until("up", is_up).await;
    peer.say(r#"{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}}"#)
        .await;
    let is_refused = |event: &PrivateEvent| {
        matches!(
            event,
            PrivateEvent::Refused(VenueError::Authentication { code: -2015, .. })
        )
    };
    told.until("refusal", is_refused).await;
    told.until("down", is_down).await;
    let mut peer = network.accept().await;
    let request = peer.request().await;
    let error = json!({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."});
    peer.say(&json!({"id": request["id"], "status": 401, "error": error}).to_string())
        .await;
    told.until("refusal", is_refused).await;
}

#[actix_rt::test]
async fn a_lost_message_is_told_and_the_stream_made_anew() {
    let (client, mut network) = network(65_536);
    let (told, sink) = Told::sink();
    let _stream = hmac(&client).private_stream(sink, 7);
    let mut peer = network.accept().await;
    subscribe(&mut peer).await;
    told.until("up", is_up).await;
    peer.put(Message::Binary("SBE".into())).await;
    told.until("malformed", |event| {
        matches!(
            event,
            PrivateEvent::Malformed(VenueError::ChangedData { .. })
        )
    })
    .await;
    told.until("down", is_down).await;
    let mut peer = network.accept().await;
    subscribe(&mut peer).await;
    told.until("up", is_up).await;
}
