//! `tripline inspect`: what recordings of market data hold.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use super::output;
use crate::inspect::{InspectError, run};

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Recordings, plain, .gz or .zst; several are one recording, one after the other
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &InspectArgs) -> Result<Exit, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match run(&args.files, args.json, &mut out) {
        Ok(()) => {}
        Err(InspectError::Output(error)) => output::written(Err(error))?,
        Err(InspectError::Json(error)) if error.is_io() => output::written(Err(error.into()))?,
        Err(error) => return Err(Failure::failed(error)),
    }
    Ok(Exit::Done)
}
