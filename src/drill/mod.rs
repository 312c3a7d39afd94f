//! `tripline drill`: a fire drill with a configuration of one's own. The engine is started as `tripline run` starts
//! it, something goes wrong, and an operator sees the halt, receives the alert, acknowledges it and resumes. Each
//! step is timed and written into a report. Everything is asked and ordered through the engine's own door, as the
//! commands do.

mod fault;
mod report;
mod seen;
mod walk;

use std::time::Duration;

use thiserror::Error;
use tripline_actors::control::{Client, ControlError};

use crate::builder::{Builder, StartError};
use crate::practice::Pages;
use crate::running::Running;

pub use fault::DrillFault;
pub use report::{DrillReport, Step, Verdict};
use walk::Walk;

/// How a drill is done.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    pub fault: DrillFault,
    /// Acknowledge and resume without waiting for a person.
    pub alone: bool,
    /// How long the operator may take for each of the two.
    pub patience: Duration,
    /// How long the engine may take to be ready, to halt, to clear orders away and to alert.
    pub within: Duration,
    /// What the operator has to add to a command so that it finds this engine, such as `--config FILE`.
    pub place: String,
}

/// Why a drill could not begin, or not be written down.
#[derive(Debug, Error)]
pub enum DrillError {
    #[error("the engine: {0}")]
    Start(#[from] StartError),
    #[error("the practice exchange: {0}")]
    Exchange(String),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("the report: {0}")]
    Report(#[from] std::io::Error),
}

/// Drills on an engine that the builder starts; `pages` are those of the practice exchange that it trades on, if it
/// is one. `tell` is called with what the operator has to see, line by line.
///
/// # Errors
/// [`DrillError`] before the first step. A step that fails is no error: the report says so.
pub(crate) async fn drill(
    builder: Builder,
    door: Client,
    pages: Option<Pages>,
    options: DrillOptions,
    mut report: DrillReport,
    tell: &mut dyn FnMut(&str),
) -> Result<DrillReport, DrillError> {
    let interrupted = Running::until_signal();
    let running = builder.start().await?;
    let mut walk = Walk::new(&running, door, pages, options, &mut report, tell);
    tokio::select! {
        () = walk.all() => {}
        () = interrupted => walk.broken_off(),
    }
    walk.heal().await;
    let stopped = running.stop().await;
    report.stopped(&stopped);
    Ok(report)
}
