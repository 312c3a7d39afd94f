//! The exchange of the benchmark: streams and WebSocket API on one port, spinning on its own core. It
//! measures from just before it writes a bookTicker frame to just after it has read the order.

use std::io::Result;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::wire::{Socket, accept, frame};

/// The update id of the tick that only makes the engine ready; later ticks are answered.
pub const FIRST_UPDATE: u64 = 50_093_239_212;

/// What was measured, in nanoseconds.
pub type Latencies = Histogram<u64>;

/// How one round is paced.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub warm_up: usize,
    pub ticks: usize,
    /// From the receipt of one order to the next tick.
    pub gap: Duration,
}

/// The connections of one client.
struct Client {
    streams: Socket,
    /// The first takes orders; with the engine a second carries the private stream.
    api: Vec<Socket>,
    /// The order that was received last: its connection, request id and client order id.
    order: Option<(usize, String, String)>,
}

pub fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves one client: takes its connections, and when `ready` is set sends the ticks and measures.
/// `connections` is how many the client makes, streams included.
pub fn measure(
    listener: &TcpListener,
    connections: usize,
    pace: Pace,
    ready: &Arc<AtomicBool>,
) -> Result<Latencies> {
    let mut client = take_connections(listener, connections)?;
    while !ready.load(Ordering::Acquire) {
        client.streams.write_all(&tick(0))?;
        let pause = Instant::now() + Duration::from_millis(5);
        while Instant::now() < pause {
            client.answer_all()?;
        }
    }
    let mut latencies = Histogram::new(3).expect("three digits are allowed");
    for number in 0..pace.warm_up + pace.ticks {
        let gap = Instant::now() + pace.gap;
        while Instant::now() < gap {
            client.answer_all()?;
        }
        let bytes = tick(number as u64 + 1);
        let sent = Instant::now();
        client.streams.write_all(&bytes)?;
        client.wait_for_order()?;
        let took = sent.elapsed();
        if number >= pace.warm_up {
            let nanos = u64::try_from(took.as_nanos()).map_err(std::io::Error::other)?;
            latencies.record(nanos).map_err(std::io::Error::other)?;
        }
        client.answer_order(number as u64 + 1)?;
    }
    Ok(latencies)
}

fn take_connections(listener: &TcpListener, connections: usize) -> Result<Client> {
    let (mut streams, mut api) = (None, Vec::new());
    for _ in 0..connections {
        let (socket, path) = accept(listener.accept()?.0)?;
        if path.starts_with("/ws-api") {
            socket.stream.set_nonblocking(true)?;
            api.push(socket);
        } else {
            socket.stream.set_nonblocking(true)?;
            streams = Some(socket);
        }
    }
    let streams = streams.ok_or_else(|| std::io::Error::other("the client opened no stream"))?;
    Ok(Client {
        streams,
        api,
        order: None,
    })
}

/// A bookTicker frame whose best bid moves, so that each tick is new.
fn tick(number: u64) -> Vec<u8> {
    let cents = 10 + number % 80;
    let payload = format!(
        r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{},"s":"BTCUSDT","b":"61837.{cents}000000","B":"3.78826000","a":"61838.{cents}000000","A":"1.54698000"}}}}"#,
        FIRST_UPDATE + number
    );
    frame(1, payload.as_bytes(), false)
}

/// The value after a key, up to the next comma or brace, as it stands.
fn value_of<'a>(request: &'a str, key: &str) -> &'a str {
    let rest = request.split_once(key).map_or("null", |(_, rest)| rest);
    rest.split([',', '}']).next().unwrap_or("null")
}

fn id_of(request: &str) -> &str {
    value_of(request, "\"id\":")
}

impl Client {
    /// Spins until an order has arrived.
    fn wait_for_order(&mut self) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience {
            for index in 0..self.api.len() {
                let socket = &mut self.api[index];
                if socket.fill()? && self.take_order(index)? {
                    return Ok(());
                }
            }
        }
        Err(std::io::Error::other(
            "the client sent no order within 5 s of a tick",
        ))
    }

    /// Takes what has arrived; `true` when it was an order, which is not answered yet.
    fn take_order(&mut self, index: usize) -> Result<bool> {
        while let Some((opcode, payload)) = self.api[index].frame() {
            let text = String::from_utf8_lossy(&payload).into_owned();
            if opcode == 1 && text.contains("order.place") {
                let client_id = value_of(&text, "\"newClientOrderId\":").to_owned();
                self.order = Some((index, id_of(&text).to_owned(), client_id));
                return Ok(true);
            }
            self.answer(index, opcode, &text)?;
        }
        Ok(false)
    }

    fn answer_all(&mut self) -> Result<()> {
        for index in 0..self.api.len() {
            if self.api[index].fill()? {
                self.take_order(index)?;
            }
        }
        if self.streams.fill()? {
            while let Some((opcode, payload)) = self.streams.frame() {
                let text = String::from_utf8_lossy(&payload).into_owned();
                if opcode == 1 && text.contains("\"method\"") {
                    let answer = format!(r#"{{"result":null,"id":{}}}"#, id_of(&text));
                    self.streams.send(1, answer.as_bytes(), false)?;
                }
            }
        }
        Ok(())
    }

    /// Everything but orders: subscriptions, log-on, pings.
    fn answer(&mut self, index: usize, opcode: u8, text: &str) -> Result<()> {
        if opcode != 1 {
            return Ok(());
        }
        let result = match () {
            () if text.contains("userDataStream") => r#"{"subscriptionId":0}"#,
            () if ["openOrders.status", "allOrders", "myTrades"]
                .iter()
                .any(|method| text.contains(method)) =>
            {
                "[]"
            }
            () if text.contains("account.status") => {
                r#"{"canTrade":true,"balances":[{"asset":"USDT","free":"1000000.00000000","locked":"0.00000000"},{"asset":"BTC","free":"10.00000000","locked":"0.00000000"}]}"#
            }
            () => "{}",
        };
        let answer = format!(r#"{{"id":{},"status":200,"result":{result}}}"#, id_of(text));
        self.api[index].send(1, answer.as_bytes(), false)
    }

    /// The order was immediate-or-cancel and found nobody: its answer ends it.
    fn answer_order(&mut self, number: u64) -> Result<()> {
        let Some((index, id, client_id)) = self.order.take() else {
            return Ok(());
        };
        let answer = format!(
            r#"{{"id":{id},"status":200,"result":{{"symbol":"BTCUSDT","orderId":{number},"orderListId":-1,"clientOrderId":{client_id},"transactTime":1795000000000,"price":"61837.63000000","origQty":"0.00100000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"EXPIRED","timeInForce":"IOC","type":"LIMIT","side":"BUY","workingTime":1795000000000,"fills":[],"selfTradePreventionMode":"EXPIRE_MAKER"}}}}"#
        );
        self.api[index].send(1, answer.as_bytes(), false)
    }
}
