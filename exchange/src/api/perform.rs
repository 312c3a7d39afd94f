//! One request from its arrival to its outcome: limits, who asks, faults, parameters, the handler.

use std::net::IpAddr;

use tripline_engine::ids::{AccountId, Symbol};

use super::Call;
use super::auth::{Credentials, Security, authenticate, check_timing};
use super::operation::{Operation, Run};
use crate::core::Core;
use crate::faults::{Answer, Plan, RequestInfo, Transport};
use crate::history::Deed;
use crate::wire::render::TimeUnit;
use crate::wire::{ApiError, Params};

/// A request as it came in.
pub struct Request<'a> {
    pub operation: &'static Operation,
    pub params: &'a Params,
    pub credentials: Credentials<'a>,
    pub address: Option<IpAddr>,
    pub transport: Transport,
    pub unit: TimeUnit,
}

/// What is known once the checks before the handler are through.
pub struct Begun {
    pub account: Option<AccountId>,
    pub plan: Plan,
}

/// How a request ended.
pub struct Performed {
    pub account: Option<AccountId>,
    pub outcome: Result<String, ApiError>,
}

/// Charges the request, finds out who asks, and what is to go wrong.
///
/// # Errors
/// The error to be answered when the request is not to be carried out.
pub fn begin(core: &Core, request: &Request<'_>) -> Result<Begun, ApiError> {
    let now_us = core.now_us();
    let operation = request.operation;
    let weight = (operation.weight)(request.params);
    core.limits
        .borrow_mut()
        .charge(request.address, weight, now_us)?;
    let account = authenticate(
        core,
        operation.security,
        request.params,
        &request.credentials,
        now_us,
    )?;
    if operation.orders > 0 {
        let symbol = request
            .params
            .get("symbol")
            .and_then(|name| Symbol::new(name).ok());
        let tick_us = symbol.and_then(|symbol| core.streams.last_tick_us(symbol));
        core.record.borrow_mut().arrived(request, now_us, tick_us);
    }
    Ok(Begun {
        account,
        plan: plan(core, request, account, now_us),
    })
}

fn plan(core: &Core, request: &Request<'_>, account: Option<AccountId>, now_us: i64) -> Plan {
    if core.faults.borrow().is_empty() {
        return Plan::normal();
    }
    let info = RequestInfo {
        operation: request.operation.name,
        verb: request.operation.verb,
        path: request.operation.path,
        transport: request.transport,
        symbol: request.params.get("symbol"),
        account,
    };
    let fault = core.faults.borrow_mut().on_request(&info);
    let Some(fault) = fault else {
        return Plan::normal();
    };
    log::info!("fault {} hits {} {}", fault.kind, info.verb, info.path);
    let mut plan = Plan::of(&fault, now_us);
    if let Answer::Ban { ms } = plan.answer {
        let until = now_us.saturating_add_unsigned(ms.saturating_mul(1_000));
        plan.answer = Answer::Error(core.limits.borrow_mut().ban_until(request.address, until));
    }
    plan
}

/// The second look at the timestamp, just before a request that had to wait goes to the engine.
///
/// # Errors
/// -1021.
pub fn recheck(core: &Core, request: &Request<'_>) -> Result<(), ApiError> {
    if request.operation.security == Security::None {
        return Ok(());
    }
    check_timing(request.params, core.now_us())
}

/// Carries the request out and settles what it did; the user-data events wait for
/// [`crate::user::UserHub::flush`].
pub fn execute(core: &Core, request: &Request<'_>, account: Option<AccountId>) -> Performed {
    if !request.operation.changes() {
        return carry_out(core, request, account);
    }
    let deed = || Deed::Request {
        operation: request.operation.name.into(),
        account,
        transport: request.transport,
        params: request.params.unsigned(),
    };
    let performed = core.act(deed, || carry_out(core, request, account));
    performed.unwrap_or_else(|_| Performed {
        account,
        outcome: Err(ApiError::overloaded()),
    })
}

fn carry_out(core: &Core, request: &Request<'_>, account: Option<AccountId>) -> Performed {
    let now_us = core.now_us();
    let call = Call {
        params: request.params,
        account,
        transport: request.transport,
        unit: request.unit,
        now_us,
    };
    let outcome = run(core, request.operation, &call);
    if outcome.is_ok() && request.operation.free {
        let weight = (request.operation.weight)(request.params);
        core.limits
            .borrow_mut()
            .refund(request.address, weight, now_us);
    }
    core.settle();
    Performed { account, outcome }
}

fn run(core: &Core, operation: &Operation, call: &Call<'_>) -> Result<String, ApiError> {
    surplus(operation, call.params)?;
    match operation.run {
        Run::Counted(handler) => {
            let account = call.account()?;
            core.limits
                .borrow_mut()
                .count_orders(account, operation.orders, call.now_us)?;
            handler(core, call)
        }
        Run::Plain(handler) => handler(core, call),
        Run::Session(_) => Err(ApiError::unsupported("only over the WebSocket API")),
    }
}

/// Parameters that every request may carry.
const COMMON: [&str; 5] = [
    "signature",
    "timestamp",
    "recvWindow",
    "apiKey",
    "returnRateLimits",
];

/// # Errors
/// -1104 when a parameter was sent that the operation does not read.
pub fn surplus(operation: &Operation, params: &Params) -> Result<(), ApiError> {
    let sent = params.names().count();
    let known = |name: &&str| {
        COMMON.contains(name) || operation.params.split(' ').any(|known| known == *name)
    };
    let read = params.names().filter(known).count();
    if read == sent {
        return Ok(());
    }
    let msg = format!(
        "Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
    );
    Err(ApiError::new(-1104, msg))
}
