//! Market streams: who listens to what, and sending each message once to each of them.

mod connection;
pub mod control;
mod depth;
mod names;
mod payloads;
mod ticks;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use bytes::Bytes;
use tokio::sync::Notify;
use tripline_engine::ids::Symbol;

use crate::core::Core;
use crate::faults::{Damage, FaultSpec, Kind as FaultKind, damaged};
use crate::model::{BookChanged, BookTicker, Trade, Window};
use crate::server::socket::text_frame;
use crate::wire::render::TimeUnit;

pub use connection::StreamConnection;
pub use names::{Kind, StreamId};

/// Who listens to a stream, and under which of its names (`@depth` is `@depth@1000ms` too).
struct Listener {
    connection: Rc<StreamConnection>,
    name: String,
}

/// All channels and connections.
#[derive(Default)]
pub struct StreamHub {
    /// The listeners of each stream; never none.
    channels: RefCell<HashMap<StreamId, Vec<Listener>>>,
    connections: RefCell<Vec<Weak<StreamConnection>>>,
    depth: RefCell<depth::DepthBuffers>,
    ticks: RefCell<ticks::TickState>,
    /// When the best prices of a symbol were last sent.
    sent: RefCell<HashMap<Symbol, i64>>,
    /// Woken by each subscription.
    wanted: Notify,
}

impl StreamHub {
    pub fn join(&self, connection: &Rc<StreamConnection>) {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|one| one.strong_count() > 0);
        connections.push(Rc::downgrade(connection));
    }

    /// The connections that are still open.
    pub fn connections(&self) -> Vec<Rc<StreamConnection>> {
        let connections = self.connections.borrow();
        connections
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|one| !one.socket.is_gone())
            .collect()
    }

    /// Lets a connection listen to a stream; a second time changes nothing, and names that mean nothing
    /// here stay silent, as at the venue.
    pub fn subscribe(&self, connection: &Rc<StreamConnection>, name: &str) {
        if !connection.add(name) {
            return;
        }
        let Some(id) = StreamId::parse(name) else {
            return;
        };
        if let (Some(symbol), Kind::Diff { fast }) = (id.symbol, id.kind) {
            self.depth.borrow_mut().watch(symbol, fast);
        }
        let mut channels = self.channels.borrow_mut();
        channels.entry(id).or_default().push(Listener {
            connection: Rc::clone(connection),
            name: name.to_owned(),
        });
        self.wanted.notify_one();
    }

    pub fn unsubscribe(&self, connection: &Rc<StreamConnection>, name: &str) {
        if !connection.remove(name) {
            return;
        }
        let Some(id) = StreamId::parse(name) else {
            return;
        };
        let mut channels = self.channels.borrow_mut();
        if let Some(listeners) = channels.get_mut(&id) {
            listeners.retain(|one| !Rc::ptr_eq(&one.connection, connection) || one.name != name);
            if listeners.is_empty() {
                channels.remove(&id);
                self.depth.borrow_mut().forget(&id);
                self.ticks.borrow_mut().forget(&id);
            }
        }
    }

    /// Ends all subscriptions of a connection that is gone.
    pub fn leave(&self, connection: &Rc<StreamConnection>) {
        for name in connection.names() {
            self.unsubscribe(connection, &name);
        }
    }

    fn has(&self, id: StreamId) -> bool {
        self.channels.borrow().contains_key(&id)
    }

    /// Sends a message to all listeners of a stream, in the present poll.
    fn publish(&self, core: &Core, id: StreamId, render: impl Fn(TimeUnit) -> String) {
        let channels = self.channels.borrow();
        let Some((first, listeners)) = channels
            .get(&id)
            .and_then(|all| all.first().map(|first| (first, all)))
        else {
            return;
        };
        let fault = match self.fault(core, id, &first.name) {
            Fate::Sent => None,
            Fate::Lost => return,
            Fate::Faulty(fault) => Some(fault),
        };
        let twice = fault
            .as_ref()
            .is_some_and(|fault| fault.kind == FaultKind::DuplicateMessage);
        let frame = |listener: &Listener| {
            let mut text = render(listener.connection.unit);
            if listener.connection.combined.get() {
                text = format!(r#"{{"stream":"{}","data":{text}}}"#, listener.name);
            }
            let bad = fault
                .as_ref()
                .filter(|fault| fault.kind == FaultKind::BadMessage);
            if let Some(fault) = bad {
                let how = fault.how.unwrap_or(Damage::Truncated);
                text = damaged(&text, how, fault.field.as_deref());
            }
            text_frame(&text)
        };
        // Most listeners use the same name: what they get is made once for each form of it.
        let mut frames: [Option<Bytes>; 4] = [const { None }; 4];
        for listener in listeners {
            let connection = &listener.connection;
            let at = usize::from(connection.combined.get())
                + 2 * usize::from(connection.unit == TimeUnit::Microsecond);
            let made = match frames.get_mut(at).filter(|_| listener.name == first.name) {
                Some(slot) => slot.get_or_insert_with(|| frame(listener)).clone(),
                None => frame(listener),
            };
            connection.socket.send_frame(&made);
            if twice {
                connection.socket.send_frame(&made);
            }
        }
    }

    fn fault(&self, core: &Core, id: StreamId, name: &str) -> Fate {
        let mut faults = core.faults.borrow_mut();
        if faults.is_empty() {
            return Fate::Sent;
        }
        if faults.is_silent(name, id.symbol, core.clock.steady_us()) {
            return Fate::Lost;
        }
        match faults.on_stream(name, id.symbol) {
            None => Fate::Sent,
            Some(fault) if fault.kind == FaultKind::DropMessage => Fate::Lost,
            Some(fault) => Fate::Faulty(Box::new(fault)),
        }
    }

    /// The best prices changed.
    pub fn book_ticker(&self, core: &Core, ticker: &BookTicker) {
        let id = StreamId::of(ticker.symbol, Kind::BookTicker);
        if self.has(id) {
            self.sent.borrow_mut().insert(ticker.symbol, core.now_us());
            self.publish(core, id, |_| payloads::book_ticker(ticker));
        }
    }

    /// When a symbol's best prices were last sent to anybody, in Unix microseconds.
    pub fn last_tick_us(&self, symbol: Symbol) -> Option<i64> {
        self.sent.borrow().get(&symbol).copied()
    }

    /// Trades of one operation, in order.
    pub fn trades(&self, core: &Core, trades: &[Trade]) {
        for trade in trades {
            let id = StreamId::of(trade.symbol, Kind::Trade);
            self.publish(core, id, |unit| payloads::trade(trade, unit));
        }
        let mut symbols: Vec<Symbol> = trades.iter().map(|trade| trade.symbol).collect();
        symbols.dedup();
        for symbol in symbols {
            self.aggregate_trades(core, symbol, trades);
        }
    }

    fn aggregate_trades(&self, core: &Core, symbol: Symbol, trades: &[Trade]) {
        let id = StreamId::of(symbol, Kind::AggTrade);
        let own = || trades.iter().filter(|trade| trade.symbol == symbol);
        let (true, Some(first)) = (self.has(id), own().next()) else {
            return;
        };
        let newest = core
            .model
            .borrow()
            .aggregate_trades(symbol, Window::newest(own().count()));
        for trade in newest
            .unwrap_or_default()
            .iter()
            .filter(|one| one.first_trade >= first.trade_id)
        {
            self.publish(core, id, |unit| {
                payloads::aggregate_trade(symbol, trade, unit)
            });
        }
    }

    /// Levels changed; they go out with the next tick of the depth streams.
    pub fn book_changed(&self, change: &BookChanged) {
        self.depth.borrow_mut().add(change);
    }

    /// `serverShutdown` on every connection.
    pub fn announce_shutdown(&self, core: &Core) {
        for connection in self.connections() {
            let event = payloads::server_shutdown(connection.unit.of(core.now_us()));
            let text = if connection.combined.get() {
                format!(r#"{{"stream":"!serverShutdown","data":{event}}}"#)
            } else {
                event
            };
            connection.socket.send_text(&text);
        }
    }
}

/// What becomes of a message.
enum Fate {
    Sent,
    Lost,
    Faulty(Box<FaultSpec>),
}
