//! Time stamps as Binance writes them: integers in the unit that was asked for, which they do not name.

use serde::{Deserialize, Serialize};
use tripline_engine::time::Timestamp;

use super::decode::DecodeReason;

/// The unit of the venue's time stamps (Binance `timeUnit`, `X-MBX-TIME-UNIT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// What Binance sends to who asks for nothing.
    #[default]
    Millisecond,
    Microsecond,
}

impl TimeUnit {
    /// How many nanoseconds it has.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1_000,
        }
    }

    /// The unit that a stamp seems to have, where it may be either and the difference is no money.
    #[must_use]
    pub const fn seen_in(stamp: i64) -> Self {
        match stamp {
            ..100_000_000_000_000 => Self::Millisecond,
            _ => Self::Microsecond,
        }
    }

    /// The instant of a stamp. From 1973 to 5138 a number of milliseconds is none of microseconds, so a
    /// stamp in the other unit is found out by its size.
    ///
    /// # Errors
    /// [`DecodeReason::NoTime`] for every number outside these years.
    pub fn instant(self, field: &'static str, stamp: i64) -> Result<Timestamp, DecodeReason> {
        // 100,000,000 seconds after 1970.
        let first = 100_000_000 * (1_000_000_000 / self.nanos());
        let unit = self;
        if !(first..first * 1_000).contains(&stamp) {
            return Err(DecodeReason::NoTime { field, stamp, unit });
        }
        Ok(match self {
            Self::Millisecond => Timestamp::from_millis(stamp),
            Self::Microsecond => Timestamp::from_micros(stamp),
        })
    }
}

/// A stamp as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(in super::super) struct Stamp(i64);

impl Stamp {
    /// The instant in this unit, where it is one.
    pub(in super::super) fn if_any(self, unit: TimeUnit) -> Option<Timestamp> {
        self.at("", unit).ok()
    }

    /// # Errors
    /// As [`TimeUnit::instant`].
    pub(in super::super) fn at(
        self,
        field: &'static str,
        unit: TimeUnit,
    ) -> Result<Timestamp, DecodeReason> {
        unit.instant(field, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimeUnit::{Microsecond, Millisecond};

    #[test]
    fn both_units_give_the_same_instant_and_each_refuses_the_others_numbers() {
        let millis = 1_723_161_255_208;
        let instant = Millisecond.instant("T", millis).unwrap();
        assert_eq!(instant.to_string(), "2024-08-08T23:54:15.208Z");
        assert_eq!(Microsecond.instant("T", millis * 1_000), Ok(instant));
        assert_eq!(
            Microsecond
                .instant("T", 1_741_046_400_062_507)
                .unwrap()
                .to_string(),
            "2025-03-04T00:00:00.062507Z"
        );
        // In the other unit it would be a day in January 1970, or the year 56571.
        for (unit, stamp) in [
            (Microsecond, millis),
            (Millisecond, millis * 1_000),
            (Millisecond, millis / 1_000),
            (Millisecond, 0),
            (Microsecond, -1),
            (Microsecond, i64::MAX),
        ] {
            let field = "T";
            assert_eq!(
                unit.instant(field, stamp),
                Err(DecodeReason::NoTime { field, stamp, unit })
            );
        }
    }
}
