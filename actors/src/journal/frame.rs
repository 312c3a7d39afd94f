//! Records as bytes of the intake: `length, its complement, body, hash`. The complement tells a length
//! that was altered from one whose record was never written to its end. Behind the last record stands an
//! end mark, which the next record takes the place of: a last record that was made zero is missed.

use tripline_engine::journal::{JournalError, JournalRecord, Sequence};
use tripline_engine::time::Timestamp;

use super::chain::{FIXED, Hash, Link, Row, begin_body};

pub(super) const LENGTHS: usize = 8;
/// Stands behind the last record.
pub(super) const END: &[u8; LENGTHS] = b"the end\n";
pub(super) const HASH: usize = size_of::<Hash>();

/// Appends the frame of the next record to `out` and returns the chain with it.
///
/// # Errors
/// [`JournalError::Unwritable`] or [`JournalError::TooLarge`]; `out` is then to be thrown away.
pub(super) fn write(
    out: &mut Vec<u8>,
    previous: &Link,
    at: Timestamp,
    record: &JournalRecord,
) -> Result<Link, JournalError> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTHS]);
    let sequence = Sequence(previous.sequence.0.saturating_add(1));
    begin_body(out, sequence, at, record.kind());
    record
        .serialize_payload(&mut serde_json::Serializer::new(&mut *out))
        .map_err(|error| JournalError::Unwritable {
            reason: error.to_string(),
        })?;
    let body = start + LENGTHS;
    let link = previous.with(&out[body..]);
    out.extend_from_slice(&link.hash);
    let bytes = out.len() - body;
    let length = u32::try_from(bytes).map_err(|_| JournalError::TooLarge {
        bytes,
        bound: u32::MAX as usize,
    })?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    out[start + 4..body].copy_from_slice(&(!length).to_be_bytes());
    Ok(link)
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Zeros: nothing was written here.
    Nothing,
    /// The end mark.
    End,
    /// A record, and the bytes that it takes.
    Record(Row, usize),
    /// No record, and the bytes that it would take if its length is true.
    Broken(&'static str, Option<usize>),
}

/// Reads the frame at the beginning of `bytes`. Whether its hash is true is not looked at.
pub(super) fn read(bytes: &[u8]) -> Frame {
    let Some((lengths, rest)) = bytes.split_first_chunk::<LENGTHS>() else {
        let zero = bytes.iter().all(|byte| *byte == 0);
        return if zero {
            Frame::Nothing
        } else {
            Frame::Broken("a record has no room here", None)
        };
    };
    if *lengths == [0; LENGTHS] {
        return Frame::Nothing;
    }
    if lengths == END {
        return Frame::End;
    }
    let [a, b, c, d, e, f, g, h] = *lengths;
    let length = u32::from_be_bytes([a, b, c, d]);
    if u32::from_be_bytes([e, f, g, h]) != !length {
        return Frame::Broken("its length was altered", None);
    }
    let length = length as usize;
    let Some(body) = length.checked_sub(HASH).filter(|body| *body >= FIXED) else {
        return Frame::Broken("it is too short", None);
    };
    if length > rest.len() {
        return Frame::Broken("it does not end in the file", None);
    }
    let mut hash = [0; HASH];
    hash.copy_from_slice(&rest[body..length]);
    match Row::from_body(&rest[..body], hash) {
        Some(row) => Frame::Record(row, LENGTHS + length),
        None => Frame::Broken("its content is no text", Some(LENGTHS + length)),
    }
}
