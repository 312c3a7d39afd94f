//! Writing to a terminal, a file or a pipe whose reader may be gone.

use std::io::{self, ErrorKind, Write};

use super::exit::Failure;

/// Writes to standard output. A reader that has gone (`tripline … | head`) is no failure.
///
/// # Errors
/// A full disk and the like.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    written(
        io::stdout()
            .lock()
            .write_all(text.as_bytes())
            .and_then(|()| io::stdout().lock().flush()),
    )
}

/// Judges what came of writing to standard output.
pub(super) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "standard output cannot be written: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Tells on standard error why a command failed. There is nowhere else to say that this failed too.
pub(super) fn complain(failure: &Failure) {
    let written = writeln!(io::stderr().lock(), "tripline: {}", failure.message);
    drop(written);
}
