//! Whatever bytes a venue sends: the connection that comes after is as good as any.

use super::orders::hmac;
use super::*;

use proptest::prelude::*;

use crate::feed::PrivateEvent;

const POSITION: &str = r#"{"subscriptionId":0,"event":{"e":"outboundAccountPosition","E":1790000000001,"u":1790000000000,"B":[{"a":"BTC","f":"1.00000000","l":"0.00000000"}]}}"#;

/// Payloads of frames: whole messages, their parts, and what is none.
const PAYLOADS: [&str; 7] = [
    POSITION,
    r#"{"id":1,"status":200,"result":{"subscriptionId":0}}"#,
    r#"{"id":7,"status":"200"}"#,
    r#"{"subscriptionId":0,"event":"#,
    r#"{"e":"serverShutdown"}}"#,
    "",
    "\u{3}\u{e8}gone",
];

/// A frame of a server, with any opcode and any of the bits before it.
fn frame(first: u8, payload: &[u8], length: Option<u8>) -> Vec<u8> {
    let mut frame = vec![first];
    match (length, u8::try_from(payload.len())) {
        // A length that is not the payload's.
        (Some(length), _) => frame.push(length),
        (None, Ok(short @ ..126)) => frame.push(short),
        (None, _) => {
            frame.push(126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        Just(0x81),
        Just(0x01),
        Just(0x00),
        Just(0x80),
        Just(0x82),
        Just(0x88),
        Just(0x89),
        any::<u8>()
    ];
    let payload = prop_oneof![
        (0..PAYLOADS.len()).prop_map(|index| PAYLOADS[index].as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40)
    ];
    let length = prop_oneof![9 => Just(None), 1 => any::<u8>().prop_map(Some)];
    (first, payload, length).prop_map(|(first, payload, length)| frame(first, &payload, length))
}

async fn subscribe(peer: &mut Peer) {
    let request = peer.request().await;
    peer.answer(&request, json!({"subscriptionId": 0})).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_session_survives_any_bytes_and_hears_the_next_connection(
        frames in proptest::collection::vec(any_frame(), 1..6),
    ) {
        actix_rt::System::new().block_on(async {
            let (client, mut network) = network(65_536);
            let (told, sink) = Told::sink();
            let _stream = hmac(&client).private_stream(sink, 7);
            let mut peer = network.accept().await;
            subscribe(&mut peer).await;
            let mut parts = peer.socket.into_parts();
            // It may have hung up already.
            for frame in frames {
                drop(parts.io.write_all(&frame).await);
                tokio::task::yield_now().await;
            }
            drop(parts);
            let mut next = network.accept().await;
            subscribe(&mut next).await;
            told.until("down", |event| matches!(event, PrivateEvent::Down { .. } | PrivateEvent::Refused(_))).await;
            next.say(POSITION).await;
            told.until("balances", |event| matches!(event, PrivateEvent::Balances { .. })).await;
        });
    }
}
