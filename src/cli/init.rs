//! `tripline init`: a configuration to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use super::output;
use crate::config::EXAMPLE;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "tripline.toml")]
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

pub(super) fn init(args: &InitArgs) -> Result<Exit, Failure> {
    let file = args.file.display();
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(&args.file)
        .and_then(|mut opened| opened.write_all(EXAMPLE.as_bytes()));
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!(
                "{file} is there already: choose another with --file, or give --force"
            )));
        }
        Err(error) => {
            return Err(Failure::failed(format!(
                "{file} cannot be written: {error}"
            )));
        }
    }
    output::print(&format!(
        "{file} is written: it trades on a practice exchange on this machine.\n\
         next:  tripline check --config {file}\n       tripline exchange &\n       tripline run --config {file}\n"
    ))?;
    Ok(Exit::Done)
}
