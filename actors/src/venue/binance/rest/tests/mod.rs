//! The client against servers that behave, and servers that do not.

mod answers;
mod handover;
mod tls;

use super::*;
use crate::venue::binance::settings::KeyKind;
use std::cell::RefCell;
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{HaltBoard, HaltLevel, HaltPolicy, Membership, Purpose, Scope};
use tripline_engine::ids::{
    AccountId, Asset, ClientOrderId, StrategyId, Symbol, VenueId, VenueOrderId,
};
use tripline_engine::instrument::{Filters, Instrument, OpenCounts, TradingStatus};
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::order::{NewOrder, OrderType, Side, VenueStatus};
use tripline_engine::ports::{MarketPort, OrderPort, OrderRef, PlaceOutcome};
use tripline_engine::risk::{Approved, Preconditions, RiskState, Situation, approve};
use tripline_engine::time::Timestamp;

const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const FULL: &str = r#"{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"t-q-00000001-1","transactTime":1790000000000,"price":"50000.00000000","origQty":"0.00200000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000000,"fills":[],"selfTradePreventionMode":"EXPIRE_MAKER"}"#;

/// What a server does with one request.
#[derive(Clone)]
enum Act {
    Say(String),
    /// Writes, and then neither goes on nor closes.
    Stall(&'static str),
    Close,
}

fn say(status: &str, headers: &str, body: &str) -> Act {
    Act::Say(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn ok(body: &str) -> Act {
    say("200 OK", "", body)
}

#[derive(Clone, Default)]
struct Seen {
    connections: Rc<RefCell<usize>>,
    requests: Rc<RefCell<Vec<String>>>,
}

async fn serve<Io: AsyncRead + AsyncWrite + Unpin>(
    mut stream: Io,
    acts: Rc<RefCell<VecDeque<Act>>>,
    seen: Seen,
) {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes).await {
            Ok(read @ 1..) => text.push_str(std::str::from_utf8(&bytes[..read]).unwrap()),
            _ => return,
        }
        let Some(end) = text.find("\r\n\r\n") else {
            continue;
        };
        seen.requests
            .borrow_mut()
            .push(text.drain(..end + 4).collect());
        let act = acts.borrow_mut().pop_front();
        match act {
            Some(Act::Say(answer)) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Some(Act::Stall(answer)) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Some(Act::Close) | None => return,
        }
    }
}

/// A server on the loopback interface that does the acts one after the other, whatever the connection.
async fn server(acts: &[Act]) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (seen, acts) = (
        Seen::default(),
        Rc::new(RefCell::new(acts.iter().cloned().collect())),
    );
    let counted = seen.clone();
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            *counted.connections.borrow_mut() += 1;
            actix_rt::spawn(serve(stream, Rc::clone(&acts), counted.clone()));
        }
    });
    (base, seen)
}

fn settings(base: &str) -> BinanceSettings {
    let mut settings =
        BinanceSettings::custom(base, "ws://127.0.0.1:9/ws-api/v3", "ws://127.0.0.1:9");
    settings.bounds.request_timeout_ms = 300;
    settings.bounds.body_timeout_ms = 300;
    settings
}

fn credentials() -> ApiCredentials {
    ApiCredentials {
        api_key: KEY.into(),
        secret: SECRET.into(),
    }
}

fn clock() -> Clock {
    Clock::starting_at(Timestamp::from_millis(1_790_000_000_000))
}

fn client(base: &str) -> RestClient {
    RestClient::new(
        &settings(base),
        Some(&credentials()),
        Limits::new(20),
        clock(),
    )
    .unwrap()
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn order() -> Approved<PlaceOrder> {
    let terms = NewOrder::limit(
        symbol(),
        Side::Buy,
        "0.00200000".parse().unwrap(),
        "50000.00".parse().unwrap(),
    );
    let place = PlaceOrder {
        id: ClientOrderId::new("t-q-00000001-1").unwrap(),
        strategy: StrategyId::new("q").unwrap(),
        account: AccountId::new("main").unwrap(),
        terms,
        created: Timestamp::EPOCH,
    };
    let instrument = Instrument {
        symbol: symbol(),
        base: Asset::new("BTC").unwrap(),
        quote: Asset::new("USDT").unwrap(),
        status: TradingStatus::Trading,
        base_precision: 8,
        quote_precision: 8,
        order_types: vec![OrderType::Limit],
        default_self_trade_prevention: None,
        self_trade_prevention: Vec::new(),
        amend_allowed: true,
        cancel_replace_allowed: true,
        filters: Filters::default(),
    };
    let preconditions = Preconditions {
        level: HaltLevel::Active,
        purpose: Purpose::Entry,
        private_stream_live: true,
        clock_good: true,
        instrument_frozen: false,
        stopping: false,
    };
    let mut risk = RiskState::default();
    risk.add_instrument(&instrument);
    risk.prepare(place.strategy, place.terms.symbol);
    let situation = Situation {
        instrument: &instrument,
        reference: place.terms.price,
        open: OpenCounts::default(),
        preconditions,
        risk: &risk,
        now: Timestamp::EPOCH,
    };
    approve(place, situation).unwrap()
}

fn order_ref(venue_id: Option<u64>) -> OrderRef {
    let id = ClientOrderId::new("t-q-00000001-1").unwrap();
    OrderRef {
        symbol: symbol(),
        id,
        venue_id: venue_id.map(VenueOrderId),
    }
}

fn gate() -> (HaltBoard, Gate) {
    let membership = Membership {
        strategy: StrategyId::new("q").unwrap(),
        account: AccountId::new("main").unwrap(),
        venue: VenueId::new("binance").unwrap(),
        instruments: vec![symbol()].into(),
    };
    let board = HaltBoard::new();
    (board.clone(), Gate::new(board, membership.into()))
}

fn halt(board: &HaltBoard) {
    let fault = Fault {
        kind: FaultKind::Network,
        scope: Scope::Global,
        actor: "test".into(),
        detail: "made".into(),
        at: Timestamp::EPOCH,
    };
    board.trip(fault, &HaltPolicy::default());
}
