//! An exchange that goes on from its history: everything is done again, at the times of then.

use std::path::Path;
use std::rc::Rc;

use super::serve::ServeError;
use super::{practice, signals};
use crate::api::auth::Credentials;
use crate::api::{Request, execute, table};
use crate::clock::Clock;
use crate::config::ExchangeConfig;
use crate::core::Core;
use crate::history::{Deed, History, HistoryError, Opened};
use crate::wire::Params;
use crate::wire::render::TimeUnit;

/// The exchange as it was at its last deed, with a market that goes on from now.
///
/// # Errors
/// [`ServeError::Config`], [`ServeError::History`].
pub fn core(config: &ExchangeConfig, clock: Clock, folder: &Path) -> Result<Rc<Core>, ServeError> {
    let Opened {
        history,
        began,
        lines,
    } = History::open(folder, config, clock.now_us())?;
    let held = clock.hold(began);
    let core = Core::new(config, clock.clone())?;
    drop(held);
    // Line 1 is the head.
    for (line, number) in lines.iter().zip(2..) {
        let diverged = || HistoryError::Diverged {
            path: history.path().to_owned(),
            line: number,
        };
        if core.events() != line.events {
            return Err(diverged().into());
        }
        let _held = clock.hold(line.at);
        again(&core, &line.deed).ok_or_else(diverged)?;
    }
    core.users.flush(&core);
    core.keep(history);
    if !lines.is_empty() {
        log::info!("goes on after {} deeds", lines.len());
        core.skip_market()?;
    }
    Ok(core)
}

/// Does it once more; `None` for what this exchange cannot do.
fn again(core: &Rc<Core>, deed: &Deed) -> Option<()> {
    match deed {
        Deed::Request {
            operation,
            account,
            transport,
            params,
        } => {
            let params = Params::from(params.clone());
            let request = Request {
                operation: table::by_name(operation)?,
                params: &params,
                credentials: Credentials::Session { logged_on: None },
                address: None,
                transport: *transport,
                unit: TimeUnit::default(),
            };
            if request.operation.orders > 0 {
                let mut record = core.record.borrow_mut();
                record.arrived(&request, core.now_us(), None);
            }
            // A refusal then is a refusal now.
            drop(execute(core, &request, *account));
        }
        Deed::Lever { verb, rest, body } => drop(practice::handle(core, verb, rest, body)),
        Deed::Fault { fault } => signals::act_on_model(core, fault),
        Deed::Market => core.advance_market().ok()?,
        Deed::Skip => core.skip_market().ok()?,
    }
    Some(())
}
