-- Every record, in the order in which they were appended. `hash` is SHA-256 over the hash of the record
-- before, then sequence, time and version as big-endian integers of 8, 8 and 2 bytes, the length of the
-- kind as one byte, the kind, and the payload.
CREATE TABLE record (
  sequence INTEGER PRIMARY KEY,
  at INTEGER NOT NULL, -- nanoseconds since 1970, UTC
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL, -- JSON, decimals as texts
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
-- The first record of each order, by its client order id.
CREATE TABLE intent (
  client_order_id TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
-- The first record of each fill. A trade number is unique per symbol; where an order met one of the same
-- account, both sides have it.
CREATE TABLE fill (
  venue TEXT NOT NULL,
  symbol TEXT NOT NULL,
  trade_id TEXT NOT NULL,
  side TEXT NOT NULL,
  client_order_id TEXT NOT NULL,
  sequence INTEGER NOT NULL UNIQUE,
  PRIMARY KEY (venue, symbol, trade_id, side)
) STRICT, WITHOUT ROWID;
-- What the records up to `covers` add up to, so that a start need not read them all. Nothing is lost with it.
CREATE TABLE snapshot (
  covers INTEGER PRIMARY KEY,
  version INTEGER NOT NULL,
  state TEXT NOT NULL, -- JSON
  hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
CREATE TRIGGER record_remains BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
CREATE TRIGGER intent_stays BEFORE UPDATE ON intent BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
CREATE TRIGGER intent_remains BEFORE DELETE ON intent BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
CREATE TRIGGER fill_stays BEFORE UPDATE ON fill BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
CREATE TRIGGER fill_remains BEFORE DELETE ON fill BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
