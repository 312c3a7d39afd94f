//! When orders may be placed: days and hours of the week, UTC.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::value::{Direction, LimitValue, Narrower};
use crate::time::Timestamp;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: usize = 24 * 60;
const WEEK: usize = 7 * DAY;
const WORDS: usize = WEEK.div_ceil(64);

/// Minutes of the week, UTC, written as windows: `mon-fri 08:00-16:30`, `sun 22:00-02:00` (until the next
/// day), `daily 00:00-24:00`. The end is not in the window.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct TradingHours {
    text: Vec<String>,
    minutes: Arc<[u64; WORDS]>,
}

impl TradingHours {
    /// # Errors
    /// The window that cannot be read, and how one is written.
    pub fn new(text: Vec<String>) -> Result<Self, String> {
        let mut minutes = [0; WORDS];
        for window in &text {
            let refused = || {
                format!("'{window}' is no trading window, such as \"mon-fri 08:00-16:30\" (UTC)")
            };
            let (days, from, length) = read(window).ok_or_else(refused)?;
            for day in days {
                let begin = day * DAY + from;
                (begin..begin + length).for_each(|minute| {
                    let minute = minute % WEEK;
                    minutes[minute / 64] |= 1 << (minute % 64);
                });
            }
        }
        let minutes = Arc::new(minutes);
        Ok(Self { text, minutes })
    }

    #[must_use]
    pub fn contain(&self, now: Timestamp) -> bool {
        let minutes = now.as_nanos().div_euclid(60_000_000_000);
        // 1970-01-01 was a Thursday.
        let minute = (minutes + 3 * DAY as i64).rem_euclid(WEEK as i64);
        let minute = usize::try_from(minute).unwrap_or_default();
        self.minutes[minute / 64] >> (minute % 64) & 1 == 1
    }
}

/// Days, the minute of the day at which it begins, and its length in minutes.
fn read(window: &str) -> Option<(Vec<usize>, usize, usize)> {
    let (days, hours) = window.trim().split_once(' ')?;
    let (from, to) = hours.trim().split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    let length = match to > from {
        true => to - from,
        false => DAY - from + to,
    };
    (from < DAY && from != to).then_some((days_of(days)?, from, length))
}

fn days_of(text: &str) -> Option<Vec<usize>> {
    let day = |name: &str| DAYS.iter().position(|known| *known == name);
    if text == "daily" {
        return Some((0..7).collect());
    }
    let Some((first, last)) = text.split_once('-') else {
        return day(text).map(|day| vec![day]);
    };
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + 7 - first) % 7;
    Some((first..=first + count).map(|day| day % 7).collect())
}

fn minute(text: &str) -> Option<usize> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<usize>().ok())?;
    let (hour, minute) = (two(hour)?, two(minute)?);
    let of_day = hour * 60 + minute;
    (minute < 60 && of_day <= DAY).then_some(of_day)
}

impl fmt::Debug for TradingHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TradingHours({:?})", self.text)
    }
}

impl TryFrom<Vec<String>> for TradingHours {
    type Error = String;

    fn try_from(text: Vec<String>) -> Result<Self, String> {
        Self::new(text)
    }
}

impl From<TradingHours> for Vec<String> {
    fn from(hours: TradingHours) -> Self {
        hours.text
    }
}

impl LimitValue for TradingHours {
    fn read(text: &str) -> Result<Self, String> {
        Self::new(text.split(',').map(|part| part.trim().to_owned()).collect())
    }

    fn show(&self) -> String {
        self.text.join(", ")
    }
}

impl Direction<TradingHours> for Narrower {
    fn is_within(new: &TradingHours, old: &TradingHours) -> bool {
        let mut pairs = new.minutes.iter().zip(old.minutes.iter());
        pairs.all(|(new, old)| new & !old == 0)
    }

    fn both(one: &TradingHours, other: &TradingHours) -> TradingHours {
        let mut minutes = *one.minutes;
        let pairs = minutes.iter_mut().zip(other.minutes.iter());
        pairs.for_each(|(minute, other)| *minute &= other);
        TradingHours {
            text: vec![format!("{} and {}", one.show(), other.show())],
            minutes: Arc::new(minutes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(windows: &[&str]) -> TradingHours {
        TradingHours::new(windows.iter().map(|one| (*one).to_owned()).collect()).unwrap()
    }

    /// 2026-11-23 is a Monday.
    fn at(day: i64, hour: i64, minute: i64) -> Timestamp {
        Timestamp::from_millis(1_795_392_000_000 + ((day * 24 + hour) * 60 + minute) * 60_000)
    }

    #[test]
    fn a_window_begins_with_its_first_minute_and_ends_before_its_last() {
        assert!(at(0, 0, 0).to_string().starts_with("2026-11-23T00:00"));
        let hours = hours(&["mon-fri 08:00-16:30", "sun 22:00-02:00"]);
        for (day, hour, minute, inside) in [
            (0, 7, 59, false),
            (0, 8, 0, true),
            (4, 16, 29, true),
            (4, 16, 30, false),
            (5, 12, 0, false),
            (6, 21, 59, false),
            (6, 22, 0, true),
            (7, 1, 59, true),
            (7, 2, 0, false),
            (-1, 23, 0, true),
        ] {
            assert_eq!(
                hours.contain(at(day, hour, minute)),
                inside,
                "{day} {hour}:{minute}"
            );
        }
    }

    #[test]
    fn days_go_around_the_end_of_the_week() {
        let hours = hours(&["sat-mon 00:00-24:00"]);
        let inside: Vec<_> = (0..7).map(|day| hours.contain(at(day, 12, 0))).collect();
        assert_eq!(inside, [true, false, false, false, false, true, true]);
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "",
            "mon",
            "08:00-09:00",
            "mon 08:00",
            "mon 8:00-9:00",
            "mon 08:00-24:01",
            "mon 08:60-09:00",
            "monday 08:00-09:00",
            "mon 08:00-08:00",
            "mon 24:00-02:00",
        ] {
            assert!(TradingHours::new(vec![text.to_owned()]).is_err(), "{text}");
        }
    }

    #[test]
    fn narrower_hours_are_stricter() {
        let (day, week) = (hours(&["mon 08:00-12:00"]), hours(&["mon-fri 08:00-16:00"]));
        assert!(Narrower::is_within(&day, &week) && !Narrower::is_within(&week, &day));
        let both = Narrower::both(&hours(&["mon 06:00-10:00"]), &week);
        assert!(
            both.contain(at(0, 9, 0)) && !both.contain(at(0, 7, 0)) && !both.contain(at(0, 11, 0))
        );
    }
}
