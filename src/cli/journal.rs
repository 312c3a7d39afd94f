//! `tripline journal`: checks and shows a journal without changing it, also while an engine writes to it.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::value::RawValue;
use tripline_actors::journal::{Entry, Reader, Verified, verify};
use tripline_engine::journal::{Damage, JournalError, Sequence};

use super::exit::{Exit, Failure};
use super::output;

/// How often `--follow` looks for new records.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct JournalArgs {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Check every record, the hash chain, the head file and the intake, and name what is wrong
    Verify {
        /// The journal's database
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
    /// Show the last records
    Tail {
        /// The journal's database
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// How many
        #[arg(short = 'n', long = "lines", default_value_t = 10, value_name = "N")]
        lines: u64,
        /// Go on with what is written from now on
        #[arg(short, long)]
        follow: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Write records to standard output, one a line
    Export {
        /// The journal's database
        #[arg(value_name = "FILE")]
        path: PathBuf,
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
        /// The first record
        #[arg(long, default_value_t = 1, value_name = "SEQ")]
        from: u64,
        /// The last record
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true, value_name = "SEQ")]
        to: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Csv,
    #[value(skip)]
    Text,
}

pub(super) fn journal(args: &JournalArgs) -> Result<Exit, Failure> {
    let done = match &args.command {
        JournalCommand::Verify { path } => return verified(path),
        JournalCommand::Tail {
            path,
            lines,
            follow,
            json,
        } => {
            let format = if *json { Format::Json } else { Format::Text };
            tail(path, *lines, *follow, format)
        }
        JournalCommand::Export {
            path,
            format,
            from,
            to,
        } => export(path, *format, Sequence(*from), Sequence(*to)),
    };
    match done {
        Ok(()) => Ok(Exit::Done),
        Err(Stop::Output(error)) => output::written(Err(error)).map(|()| Exit::Done),
        Err(Stop::Journal(error)) => Err(refused(&error)),
    }
}

/// Why the showing ended early.
enum Stop {
    Journal(JournalError),
    Output(io::Error),
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Journal(JournalError::Damaged {
            path: "the journal".into(),
            damage,
        })
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

pub(super) fn refused(error: &JournalError) -> Failure {
    match error {
        JournalError::Damaged { .. } | JournalError::Foreign { .. } => Failure {
            exit: Exit::Damaged,
            message: error.to_string(),
        },
        other => Failure::failed(other),
    }
}

fn verified(path: &Path) -> Result<Exit, Failure> {
    let verified = verify(path).map_err(|error| refused(&error))?;
    output::print(&report(path, &verified))?;
    if verified.is_intact() {
        return Ok(Exit::Done);
    }
    let findings: Vec<_> = verified.findings.iter().map(ToString::to_string).collect();
    Err(Failure {
        exit: Exit::Damaged,
        message: format!("{} is damaged: {}", path.display(), findings.join("; ")),
    })
}

fn report(path: &Path, verified: &Verified) -> String {
    let Verified {
        stored,
        waiting,
        last,
        hash,
        running,
        unfinished,
        findings,
    } = verified;
    let mut text = format!(
        "{}: {} records, {waiting} of them in the intake only; the last is {last}, its hash {hash}\n",
        path.display(),
        stored + waiting,
    );
    if *running {
        text.push_str("an engine is writing to it\n");
    }
    if *unfinished > 0 {
        text.push_str(&format!(
            "{unfinished} bytes at its end are a record that was not written to its end: it was promised to nobody\n"
        ));
    }
    for finding in findings {
        text.push_str(&format!("DAMAGED  {finding}\n"));
    }
    if findings.is_empty() {
        text.push_str("intact\n");
    }
    text
}

fn tail(path: &Path, lines: u64, follow: bool, format: Format) -> Result<(), Stop> {
    let reader = Reader::open(path)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let last = reader.last()?;
    let mut next = Sequence(last.0.saturating_sub(lines) + 1);
    let mut show = |reader: &Reader, from: Sequence| {
        let mut next = from;
        reader.each(from, Sequence(u64::MAX), |entry| {
            next = Sequence(entry.sequence.0 + 1);
            write_entry(&mut out, format, &entry).map_err(Stop::Output)
        })?;
        out.flush()?;
        Ok::<_, Stop>(next)
    };
    next = show(&reader, next)?;
    if !follow {
        return Ok(());
    }
    loop {
        std::thread::sleep(LOOK);
        if reader.stored()? >= next {
            next = show(&reader, next)?;
        }
    }
}

fn export(path: &Path, format: Format, from: Sequence, to: Sequence) -> Result<(), Stop> {
    let reader = Reader::open(path)?;
    let mut out = BufWriter::new(io::stdout().lock());
    if format == Format::Csv {
        writeln!(out, "sequence,at,nanos,version,kind,hash,payload")?;
    }
    reader.each(from, to, |entry| {
        write_entry(&mut out, format, &entry).map_err(Stop::Output)
    })?;
    Ok(out.flush()?)
}

#[derive(serde::Serialize)]
struct Line<'a> {
    sequence: Sequence,
    /// RFC 3339, UTC.
    at: String,
    /// The same in nanoseconds since 1970, as the hash has it.
    nanos: i64,
    version: u16,
    kind: &'a str,
    hash: &'a str,
    payload: &'a RawValue,
}

fn write_entry(out: &mut dyn Write, format: Format, entry: &Entry) -> io::Result<()> {
    let Entry {
        sequence,
        at,
        version,
        kind,
        payload,
        hash,
    } = entry;
    match format {
        Format::Text => writeln!(out, "{sequence} {at} {kind} {payload}"),
        // Texts are quoted as RFC 4180 wants it.
        Format::Csv => writeln!(
            out,
            "{sequence},{at},{},{version},{kind},{hash},\"{}\"",
            at.as_nanos(),
            payload.replace('"', "\"\"")
        ),
        Format::Json => {
            let payload: &RawValue = serde_json::from_str(payload)
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            let line = Line {
                sequence: *sequence,
                at: at.to_string(),
                nanos: at.as_nanos(),
                version: *version,
                kind,
                hash,
                payload,
            };
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)
        }
    }
}
