//! The hash chain: each record's hash covers its sequence, time, version, kind and payload, and the hash
//! of the record before. A record has the same bytes under its hash in the intake and in the database.

use ring::digest::{Context, SHA256};
use tripline_engine::journal::{Damage, JournalRecord, RECORD_VERSION, Sequence};
use tripline_engine::time::Timestamp;

/// SHA-256.
pub(super) type Hash = [u8; 32];

/// The bytes under a hash, before the kind: sequence, time, version, and the length of the kind.
pub(super) const FIXED: usize = 8 + 8 + 2 + 1;

/// An end of the chain: the last record and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub sequence: Sequence,
    pub hash: Hash,
}

impl Link {
    /// Before the first record.
    pub const START: Self = Self {
        sequence: Sequence(0),
        hash: [0; 32],
    };

    /// The chain with one more record, whose bytes under the hash are these.
    pub fn with(&self, body: &[u8]) -> Self {
        Self {
            sequence: Sequence(self.sequence.0.saturating_add(1)),
            hash: digest(&[&self.hash, body]),
        }
    }
}

/// SHA-256 over the parts, one after the other.
pub(super) fn digest(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes what stands before the payload.
pub(super) fn begin_body(out: &mut Vec<u8>, sequence: Sequence, at: Timestamp, kind: &str) {
    begin_body_of(out, sequence, at, RECORD_VERSION, kind);
}

fn begin_body_of(out: &mut Vec<u8>, sequence: Sequence, at: Timestamp, version: u16, kind: &str) {
    out.extend_from_slice(&sequence.0.to_be_bytes());
    out.extend_from_slice(&at.as_nanos().to_be_bytes());
    out.extend_from_slice(&version.to_be_bytes());
    // Kinds are words of this engine, far below 255 bytes; a longer one, of a hostile file, has no true hash.
    out.push(u8::try_from(kind.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(kind.as_bytes());
}

/// One record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub sequence: Sequence,
    pub at: Timestamp,
    pub version: u16,
    pub kind: String,
    /// JSON.
    pub payload: String,
    pub hash: Hash,
}

impl Row {
    /// Reads the bytes under a hash.
    pub fn from_body(body: &[u8], hash: Hash) -> Option<Self> {
        let (fixed, rest) = body.split_at_checked(FIXED)?;
        let (kind, payload) = rest.split_at_checked(usize::from(fixed[FIXED - 1]))?;
        Some(Self {
            sequence: Sequence(u64::from_be_bytes(fixed[..8].try_into().ok()?)),
            at: Timestamp::from_nanos(i64::from_be_bytes(fixed[8..16].try_into().ok()?)),
            version: u16::from_be_bytes(fixed[16..18].try_into().ok()?),
            kind: String::from_utf8(kind.to_vec()).ok()?,
            payload: String::from_utf8(payload.to_vec()).ok()?,
            hash,
        })
    }

    pub fn link(&self) -> Link {
        Link {
            sequence: self.sequence,
            hash: self.hash,
        }
    }

    /// Checks that the record is the one after `previous`.
    ///
    /// # Errors
    /// [`Damage::Gap`] or [`Damage::Altered`].
    pub fn check(&self, previous: &Link) -> Result<(), Damage> {
        let next = Sequence(previous.sequence.0.saturating_add(1));
        if self.sequence > next {
            let to = Sequence(self.sequence.0 - 1);
            return Err(Damage::Gap { from: next, to });
        }
        if self.after(previous) != self.link() {
            return Err(Damage::Altered(self.sequence));
        }
        Ok(())
    }

    /// What the chain is after `previous` and this content, whatever hash came with it.
    pub fn after(&self, previous: &Link) -> Link {
        let mut body = Vec::with_capacity(FIXED + self.kind.len() + self.payload.len());
        begin_body_of(&mut body, self.sequence, self.at, self.version, &self.kind);
        body.extend_from_slice(self.payload.as_bytes());
        previous.with(&body)
    }

    /// # Errors
    /// [`Damage::Unreadable`].
    pub fn decode(&self) -> Result<JournalRecord, Damage> {
        decode(self.sequence, self.version, &self.kind, &self.payload)
    }
}

/// Reads a stored record.
///
/// # Errors
/// [`Damage::Unreadable`].
pub(super) fn decode(
    sequence: Sequence,
    version: u16,
    kind: &str,
    payload: &str,
) -> Result<JournalRecord, Damage> {
    let unreadable = |reason| Damage::Unreadable { sequence, reason };
    if version > RECORD_VERSION {
        return Err(unreadable(format!(
            "it has version {version}, this engine knows {RECORD_VERSION}"
        )));
    }
    let mut reader = serde_json::Deserializer::from_str(payload);
    let record = JournalRecord::deserialize_payload(kind, &mut reader);
    let record = record.and_then(|record| reader.end().map(|()| record));
    record.map_err(|error| unreadable(error.to_string()))
}
