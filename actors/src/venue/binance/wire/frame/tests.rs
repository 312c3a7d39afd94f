use proptest::prelude::*;

use super::*;
use crate::venue::binance::wire::market::decode_depth_snapshot;

const RECEIVED: Timestamp = Timestamp::from_millis(1_723_161_254_000);
const MILLIS: TimeUnit = TimeUnit::Millisecond;

/// Messages as recorded, one of every kind and market.
const FRAMES: &[&str] = &[
    r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#,
    r#"{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}"#,
    r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":4984028370881,"s":"BTCUSDT","b":"63943.90","B":"46.371","a":"63944.00","A":"0.095","T":1721347022507,"E":1721347022507}}"#,
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"],["61844.30000000","0.40163000"]]}}"#,
    r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1721347201585,"T":1721347201533,"s":"BTCUSDT","U":4984034747463,"u":4984034747464,"pu":4984033952967,"b":[],"a":[["64020.40","0.000"],["64024.70","0.005"]]}}"#,
    r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#,
    r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1721347202813,"T":1721347202812,"s":"BTCUSDT","t":5182006711,"p":"63960.00","q":"0.310","X":"MARKET","m":false}}"#,
    r#"{"stream":"btcusd_perp@aggTrade","data":{"e":"aggTrade","E":1616201883458,"a":41045788,"s":"BTCUSD_PERP","p":"58570.1","q":"58","f":91864326,"l":91864327,"T":1616201883304,"m":true}}"#,
    r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1653818762502,"s":"BTCUSDT","k":{"t":1653818760000,"T":1653818819999,"s":"BTCUSDT","i":"1m","f":1384844002,"L":1384844032,"o":"29038.46000000","c":"29038.47000000","h":"29038.47000000","l":"29038.46000000","v":"0.20926000","n":31,"x":false,"q":"6076.58918320","V":"0.10436000","Q":"3030.45472920","B":"0"}}}"#,
    r#"{"stream":"ethusdt@depth20@100ms","data":{"lastUpdateId":17044571457,"bids":[["1782.00000000","6.48300000"],["1781.95000000","0.03000000"]],"asks":[["1782.01000000","15.46080000"]]}}"#,
    r#"{"stream":"runeusd_perp@depth5","data":{"e":"depthUpdate","E":1648006221596,"T":1648006221340,"s":"RUNEUSD_PERP","ps":"RUNEUSD","U":395028983849,"u":395028983849,"pu":-1,"b":[],"a":[["8.4400","2"]]}}"#,
    r#"{"result":null,"id":1}"#,
    r#"{"result":["btcusdt@trade","btcusdt@depth"],"id":"list"}"#,
    r#"{"code":2,"msg":"Invalid request: property name must be a string"}"#,
    r#"{"e":"serverShutdown","E":1790000000000}"#,
];

fn read(frame: &str) -> MarketEvent {
    match decode(frame, MILLIS, RECEIVED) {
        Ok(Frame::Event(event)) => event,
        other => panic!("{other:?} from {frame}"),
    }
}

fn refusal(frame: &str) -> DecodeReason {
    decode(frame, MILLIS, RECEIVED)
        .expect_err("a refusal")
        .reason
}

#[test]
fn every_recorded_kind_of_frame_is_read() {
    for frame in FRAMES {
        assert!(
            decode(frame, MILLIS, RECEIVED).is_ok(),
            "{:?}",
            decode(frame, MILLIS, RECEIVED)
        );
    }
}

#[test]
fn a_book_ticker_reads_the_same_combined_and_raw_and_keeps_its_decimals() {
    let event = read(FRAMES[0]);
    assert_eq!(event, read(FRAMES[1]));
    let MarketEvent::BestBidAsk(touch) = event else {
        panic!("{event:?}")
    };
    assert_eq!(touch.symbol.as_str(), "BTCUSDT");
    assert_eq!(touch.update_id, 50_093_239_212);
    assert_eq!(touch.bid.price.to_string(), "61837.63000000");
    assert_eq!(touch.bid.quantity.to_string(), "3.78826000");
    assert_eq!(touch.ask.price.to_string(), "61837.64000000");
    assert_eq!(touch.ask.quantity.to_string(), "1.54698000");
    assert_eq!((touch.venue_time, touch.received), (None, RECEIVED));
    let MarketEvent::BestBidAsk(futures) = read(FRAMES[2]) else {
        panic!()
    };
    assert_eq!(
        futures.venue_time,
        Some(Timestamp::from_millis(1_721_347_022_507))
    );
}

#[test]
fn keys_in_another_order_and_blanks_change_nothing() {
    let turned = r#" { "data" : {"A":"1.54698000","a":"61837.64000000","B":"3.78826000","b":"61837.63000000","s":"BTCUSDT","u":50093239212,"new":[{}]}, "stream" : "btcusdt\u0040bookTicker" }"#;
    assert_eq!(read(turned), read(FRAMES[0]));
    let raw = r#"{"A":"1.54698000","a":"61837.64000000","B":"3.78826000","b":"61837.63000000","s":"BTCUSDT","u":50093239212}"#;
    assert_eq!(read(raw), read(FRAMES[0]));
}

#[test]
fn a_diff_has_a_previous_id_on_futures_only() {
    let MarketEvent::BookChange(spot) = read(FRAMES[3]) else {
        panic!()
    };
    assert_eq!(
        (
            spot.first_update_id,
            spot.last_update_id,
            spot.previous_update_id
        ),
        (50_093_239_203, 50_093_239_207, None)
    );
    assert_eq!((spot.bids.len(), spot.asks.len()), (1, 2));
    assert!(spot.bids[0].quantity.is_zero());
    let MarketEvent::BookChange(futures) = read(FRAMES[4]) else {
        panic!()
    };
    assert_eq!(futures.previous_update_id, Some(4_984_033_952_967));
}

#[test]
fn partial_depth_is_never_taken_for_a_diff() {
    let MarketEvent::PartialDepth(spot) = read(FRAMES[9]) else {
        panic!()
    };
    assert_eq!(
        (spot.symbol.as_str(), spot.last_update_id),
        ("ETHUSDT", 17_044_571_457)
    );
    let MarketEvent::PartialDepth(futures) = read(FRAMES[10]) else {
        panic!()
    };
    assert_eq!(
        (futures.symbol.as_str(), futures.last_update_id),
        ("RUNEUSD_PERP", 395_028_983_849)
    );
}

#[test]
fn raw_partial_depth_takes_its_symbol_from_the_stream_or_is_refused() {
    let body = r#"{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}"#;
    assert_eq!(refusal(body), DecodeReason::NoSymbol);
    let Ok(Frame::Event(MarketEvent::PartialDepth(depth))) =
        decode_raw("bnbbtc@depth5", body, MILLIS, RECEIVED)
    else {
        panic!()
    };
    assert_eq!(
        (depth.symbol.as_str(), depth.stream_levels),
        ("BNBBTC", Some(5))
    );
    let futures = r#"{"e":"depthUpdate","E":1721347201585,"T":1721347201533,"s":"BNBBTC","U":1,"u":2,"pu":-1,"b":[],"a":[]}"#;
    assert!(matches!(
        decode_raw("bnbbtc@depth5@100ms", futures, MILLIS, RECEIVED),
        Ok(Frame::Event(MarketEvent::PartialDepth(_)))
    ));
    assert_eq!(
        refusal(futures),
        DecodeReason::OutOfRange {
            field: "pu",
            value: -1
        }
    );
}

#[test]
fn control_replies_refusals_and_the_shutdown_notice_are_told_apart() {
    let reply = |result, id| Ok(Frame::Reply(ControlReply { result, id }));
    assert_eq!(
        decode(FRAMES[11], MILLIS, RECEIVED),
        reply(ControlResult::Done, Some(RequestId::Number(1)))
    );
    let streams = vec!["btcusdt@trade".to_owned(), "btcusdt@depth".to_owned()];
    assert_eq!(
        decode(FRAMES[12], MILLIS, RECEIVED),
        reply(
            ControlResult::Streams(streams),
            Some(RequestId::Text("list".into()))
        )
    );
    assert_eq!(
        decode(r#"{"id":null,"result":true}"#, MILLIS, RECEIVED),
        reply(ControlResult::Property(true), None)
    );
    let refused = |text| match decode(text, MILLIS, RECEIVED) {
        Ok(Frame::Refused(error)) => (error.code, error.id),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(FRAMES[13]), (2, None));
    assert_eq!(
        refused(r#"{"error":{"code":3,"msg":"Invalid JSON"},"id":7}"#),
        (3, Some(RequestId::Number(7)))
    );
    for shutdown in [
        FRAMES[14],
        r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#,
    ] {
        assert_eq!(
            decode(shutdown, MILLIS, RECEIVED),
            Ok(Frame::ServerShutdown)
        );
    }
}

/// The frame with its time stamps in microseconds.
fn in_micros(frame: &str) -> String {
    let mut frame = frame.to_owned();
    for name in [r#""E":"#, r#""T":"#, r#""t":"#] {
        let parts: Vec<_> = frame.split(name).map(str::to_owned).collect();
        let scaled = parts.iter().enumerate().map(|(at, part)| {
            let digits = part.chars().take_while(char::is_ascii_digit).count();
            let is_stamp = at > 0 && digits == 13;
            let (stamp, rest) = part.split_at(digits);
            format!("{stamp}{}{rest}", if is_stamp { "000" } else { "" })
        });
        frame = scaled.collect::<Vec<_>>().join(name);
    }
    frame
}

#[test]
fn both_time_units_read_as_the_same_instants_and_the_other_unit_is_refused() {
    let mut with_time = 0;
    for frame in FRAMES.iter().filter(|frame| in_micros(frame) != **frame) {
        let micros = in_micros(frame);
        let Ok(Frame::Event(event)) = decode(frame, MILLIS, RECEIVED) else {
            continue; // The notice of a shutdown, whose time nobody needs.
        };
        let read = |frame: &str, unit| decode(frame, unit, RECEIVED);
        assert_eq!(
            read(&micros, TimeUnit::Microsecond),
            Ok(Frame::Event(event))
        );
        assert_eq!(
            decode_recorded(&micros, RECEIVED),
            decode_recorded(frame, RECEIVED)
        );
        for (frame, unit) in [(*frame, TimeUnit::Microsecond), (&micros, MILLIS)] {
            let error = read(frame, unit).expect_err(frame);
            assert!(
                matches!(error.reason, DecodeReason::NoTime { unit: asked, .. } if asked == unit),
                "{error}"
            );
        }
        with_time += 1;
    }
    assert_eq!(with_time, 8);
}

#[test]
fn changed_types_and_missing_fields_are_refused_and_say_where() {
    for (from, to) in [
        (r#""b":"61837.63000000""#, r#""b":61837.63"#),
        (r#""b":"61837.63000000""#, r#""b":"6.1e4""#),
        (r#""b":"61837.63000000","#, ""),
        (r#""u":50093239212"#, r#""u":"50093239212""#),
        (r#""B":"3.78826000""#, r#""B":"-3.78826000""#),
        (r#""s":"BTCUSDT""#, r#""s":"""#),
    ] {
        let frame = FRAMES[0].replace(from, to);
        assert_ne!(frame, FRAMES[0]);
        let error = decode(&frame, MILLIS, RECEIVED).expect_err(&frame);
        assert_eq!(error.what, "best bid and ask");
        assert!(matches!(error.reason, DecodeReason::Json(_)), "{error}");
    }
    let unknown_interval = FRAMES[8].replace(r#""i":"1m""#, r#""i":"7m""#);
    assert!(refusal(&unknown_interval).to_string().contains("7m"));
}

#[test]
fn a_payload_of_another_kind_than_its_stream_is_refused() {
    let frame = FRAMES[5].replace("@trade", "@aggTrade");
    assert!(matches!(refusal(&frame), DecodeReason::Json(_)));
    let frame = FRAMES[0].replace(r#""u":"#, r#""e":"other","u":"#);
    assert_eq!(
        refusal(&frame),
        DecodeReason::OtherEvent {
            expected: "bookTicker",
            found: "other".into()
        }
    );
}

#[test]
fn what_nobody_reads_here_is_refused_by_its_name() {
    for (frame, kind) in [
        (
            r#"{"stream":"btcusdt@markPrice","data":{"e":"markPriceUpdate"}}"#,
            "btcusdt@markPrice",
        ),
        (
            r#"{"stream":"!miniTicker@arr","data":[]}"#,
            "!miniTicker@arr",
        ),
        (r#"{"e":"executionReport","E":1}"#, "executionReport"),
        ("{}", "without event type"),
    ] {
        assert_eq!(
            refusal(frame),
            DecodeReason::Unsupported { kind: kind.into() }
        );
    }
}

#[test]
fn a_snapshot_of_another_symbol_is_refused() {
    let body = r#"{"lastUpdateId":1,"E":1721347201585,"T":1721347201533,"symbol":"BTCUSD_PERP","bids":[["1","2",[]]],"asks":[]}"#;
    let symbol = |text| Symbol::new(text).expect("a symbol");
    let depth = decode_depth_snapshot(symbol("BTCUSD_PERP"), body, RECEIVED).expect("read");
    assert_eq!(
        (depth.bids.len(), depth.venue_time),
        (1, Some(Timestamp::from_millis(1_721_347_201_533)))
    );
    let error = decode_depth_snapshot(symbol("ETHUSD_PERP"), body, RECEIVED).expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("asked for ETHUSD_PERP, got BTCUSD_PERP"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_bytes(&bytes, MILLIS, RECEIVED);
    }

    #[test]
    fn a_damaged_frame_is_read_or_refused(
        which in 0..FRAMES.len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
    ) {
        let mut bytes = FRAMES[which].as_bytes().to_vec();
        for (at, byte, how) in damage {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes.truncate(at),
            }
        }
        let _ = decode_bytes(&bytes, MILLIS, RECEIVED);
        let text = String::from_utf8_lossy(&bytes);
        let _ = decode_raw("btcusdt@depth5", &text, MILLIS, RECEIVED);
        let _ = decode_depth_snapshot(Symbol::new("BTCUSDT").expect("a symbol"), &text, RECEIVED);
    }
}
