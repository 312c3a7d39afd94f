//! Faults that act at the moment when they are set, and the traces that standing ones leave.

use std::rc::{Rc, Weak};
use std::time::Duration;

use actix_http::ws::CloseCode;
use tripline_engine::ids::Symbol;

use super::socket::Socket;
use crate::core::Core;
use crate::faults::{FaultSpec, Kind, Transport};
use crate::history::Deed;
use crate::model::SymbolStatus;

/// How long the end waits for clients to read the last word.
const FAREWELL: Duration = Duration::from_secs(1);

/// Sets a checked fault; one that acts at once has acted when this returns.
pub fn set_fault(core: &Rc<Core>, fault: FaultSpec) -> u64 {
    let steady_us = core.clock.steady_us();
    let id = core.faults.borrow_mut().add(fault.clone(), steady_us);
    match fault.after_ms {
        None => act(core, &fault),
        Some(ms) => drop(actix_rt::spawn(act_later(
            Rc::downgrade(core),
            id,
            fault,
            ms,
        ))),
    }
    id
}

/// Acts when the time has come, unless the fault has been removed meanwhile.
async fn act_later(core: Weak<Core>, id: u64, fault: FaultSpec, ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    if let Some(core) = core.upgrade()
        && core.faults.borrow_mut().remove(id)
    {
        act(&core, &fault);
    }
}

/// Says farewell to all WebSockets and waits until they are closed, not for long.
pub async fn farewell(core: &Rc<Core>) {
    core.streams.announce_shutdown(core);
    core.users.announce_shutdown(core);
    let open = sockets(core, None);
    open.iter()
        .for_each(|socket| socket.close(CloseCode::Away, "The practice exchange stops"));
    let closed = async {
        while open.iter().any(|socket| !socket.is_gone()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(FAREWELL, closed).await.is_err() {
        log::warn!("clients that do not read are cut off");
    }
}

/// Lets go of the faults; the clock is right again.
pub fn cleared(core: &Core) {
    set_offset(core);
    sockets(core, None).iter().for_each(|socket| socket.wake());
}

fn act(core: &Rc<Core>, fault: &FaultSpec) {
    match fault.kind {
        Kind::ClockOffset => set_offset(core),
        Kind::ConnectionLife => sockets(core, fault.transport)
            .iter()
            .for_each(|socket| socket.wake()),
        Kind::UserDataDown => sockets(core, Some(Transport::WsApi))
            .iter()
            .for_each(|socket| socket.cut()),
        Kind::Disconnect => sockets(core, fault.transport)
            .iter()
            .for_each(|socket| socket.cut()),
        Kind::ServerShutdown => shutdown(core, fault),
        Kind::EndEventStream => core.users.end_streams(core, fault.account),
        Kind::MonthlyReset | Kind::SymbolStatus => {
            let deed = || Deed::Fault {
                fault: Box::new(fault.clone()),
            };
            match core.act(deed, || act_on_model(core, fault)) {
                Ok(()) => core.users.flush(core),
                Err(error) => log::error!("the fault {} does not act: {error}", fault.kind),
            }
        }
        _ => {}
    }
}

/// What a fault that acts once does to orders and symbols.
pub fn act_on_model(core: &Core, fault: &FaultSpec) {
    if fault.kind == Kind::MonthlyReset {
        core.model.borrow_mut().reset(core.now());
    } else if let (Some(symbol), Some(status)) = (fault.symbol, fault.symbol_status.as_deref()) {
        set_status(core, symbol, status);
    }
    core.settle();
}

fn set_status(core: &Core, symbol: Symbol, status: &str) {
    let Some(status) = SymbolStatus::parse(status) else {
        return;
    };
    if let Err(refusal) = core
        .model
        .borrow_mut()
        .set_status(symbol, status, core.now())
    {
        log::warn!("the status of {symbol} cannot be set: {refusal}");
    }
}

fn set_offset(core: &Core) {
    let faults = core.faults.borrow();
    let offset = faults
        .standing(Kind::ClockOffset, core.clock.steady_us())
        .filter_map(|fault| fault.offset_ms)
        .last();
    core.clock
        .set_skew_us(offset.unwrap_or(0).saturating_mul(1_000));
    if let Err(error) = core.skip_market() {
        log::error!("the market stands still: {error}");
    }
    core.market_changed.notify_one();
}

/// All open WebSockets, or those of one transport.
fn sockets(core: &Core, transport: Option<Transport>) -> Vec<Rc<Socket>> {
    let mut sockets = Vec::new();
    if transport.is_none_or(|wanted| wanted == Transport::Stream) {
        sockets.extend(
            core.streams
                .connections()
                .iter()
                .map(|one| Rc::clone(&one.socket)),
        );
    }
    if transport.is_none_or(|wanted| wanted == Transport::WsApi) {
        sockets.extend(
            core.users
                .sessions()
                .iter()
                .map(|one| Rc::clone(&one.socket)),
        );
    }
    sockets
}

fn shutdown(core: &Rc<Core>, fault: &FaultSpec) {
    if fault
        .transport
        .is_none_or(|wanted| wanted == Transport::Stream)
    {
        core.streams.announce_shutdown(core);
    }
    if fault
        .transport
        .is_none_or(|wanted| wanted == Transport::WsApi)
    {
        core.users.announce_shutdown(core);
    }
    let Some(ms) = fault.ms else { return };
    let announced = sockets(core, fault.transport);
    drop(actix_rt::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        announced
            .iter()
            .for_each(|socket| socket.close(CloseCode::Restart, ""));
    }));
}
