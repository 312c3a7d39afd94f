//! Binance's rate limits as the venue counts them, shared by REST and the WebSocket API (Binance Spot,
//! "LIMITS" and "Unfilled Order Count").
//!
//! Windows are fixed and aligned to the venue's clock: a minute begins at :00. The venue's own counts,
//! in headers and in `rateLimits`, replace ours with every answer. A cancel is never held back.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use tripline_engine::ports::VenueError;
use tripline_engine::time::Timestamp;

/// What a 418 without `Retry-After` waits for: Binance's shortest ban.
const SHORTEST_BAN: Duration = Duration::from_secs(120);
/// What a 429 without `Retry-After` waits for: the window of the request weight.
const WEIGHT_WINDOW: Duration = Duration::from_secs(60);

/// One row of `rateLimits`, in `exchangeInfo` (without `count`) and in answers of the WebSocket API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// `REQUEST_WEIGHT`, `ORDERS`, `RAW_REQUESTS`, `CONNECTIONS`.
    pub rate_limit_type: String,
    /// `SECOND`, `MINUTE`, `HOUR`, `DAY`.
    pub interval: String,
    pub interval_num: u64,
    pub limit: u64,
    pub count: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Weight,
    Orders,
    /// Attempts to open a WebSocket.
    Connections,
}

/// A fixed window: `count` holds for the window with the number `index` only.
#[derive(Debug, Clone, Copy)]
struct Window {
    counted: Counted,
    length: Duration,
    limit: u64,
    count: u64,
    index: u128,
}

fn nanos(now: Timestamp) -> u128 {
    u128::try_from(now.as_nanos()).unwrap_or_default()
}

impl Window {
    fn new(counted: Counted, length: Duration, limit: u64) -> Self {
        Self {
            counted,
            length,
            limit,
            count: 0,
            index: 0,
        }
    }

    fn roll(&mut self, now: Timestamp) {
        let index = nanos(now) / self.length.as_nanos().max(1);
        if index != self.index {
            self.index = index;
            self.count = 0;
        }
    }

    fn ends_in(&self, now: Timestamp) -> Duration {
        let length = self.length.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(length - nanos(now) % length).unwrap_or(u64::MAX))
    }
}

/// The venue said stop: until when, and in which words.
#[derive(Debug, Clone)]
struct Stop {
    until: Timestamp,
    banned: bool,
    /// Only new orders (-1015), not requests as such.
    orders_only: bool,
    text: String,
}

#[derive(Debug)]
struct State {
    windows: Vec<Window>,
    stop: Option<Stop>,
    reserve_percent: u64,
    /// Orders handed over whose answers are not here: not in the venue's counts that arrive meanwhile.
    in_flight: u64,
}

/// The limits of one IP and account. Cloning shares them. Every `now` is the venue's time.
#[derive(Debug, Clone)]
pub struct Limits(Rc<RefCell<State>>);

/// An order on its way; dropped when its answer came or is given up.
#[derive(Debug)]
pub struct InFlight(Rc<RefCell<State>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}

impl Limits {
    /// The limits of September 2026, until `exchangeInfo` says others. `reserve_percent` of the request
    /// weight is kept for cancels and queries about orders.
    #[must_use]
    pub fn new(reserve_percent: u64) -> Self {
        let windows = vec![
            Window::new(Counted::Weight, WEIGHT_WINDOW, 6_000),
            Window::new(Counted::Orders, Duration::from_secs(10), 100),
            Window::new(Counted::Orders, Duration::from_secs(86_400), 200_000),
            Window::new(Counted::Connections, Duration::from_secs(300), 300),
        ];
        Self(Rc::new(RefCell::new(State {
            windows,
            stop: None,
            reserve_percent,
            in_flight: 0,
        })))
    }

    /// Takes limits, and counts where the rows carry them. Rows of kinds that are not counted here pass.
    pub fn learn(&self, rows: &[RateLimit], now: Timestamp) {
        for row in rows {
            let counted = match row.rate_limit_type.as_str() {
                "REQUEST_WEIGHT" => Counted::Weight,
                "ORDERS" => Counted::Orders,
                "CONNECTIONS" => Counted::Connections,
                _ => continue,
            };
            let Some(length) = length(&row.interval, row.interval_num) else {
                continue;
            };
            self.count(counted, length, Some(row.limit), row.count, now);
        }
    }

    /// Takes the counts of a REST answer: `x-mbx-used-weight-1m`, `x-mbx-order-count-10s`. Other headers
    /// pass. Names in any case.
    pub fn learn_header(&self, name: &str, value: &str, now: Timestamp) {
        let name = name.to_ascii_lowercase();
        let (counted, interval) = match (
            name.strip_prefix("x-mbx-used-weight-"),
            name.strip_prefix("x-mbx-order-count-"),
        ) {
            (Some(interval), _) => (Counted::Weight, interval),
            (_, Some(interval)) => (Counted::Orders, interval),
            _ => return,
        };
        let number: String = interval.chars().take_while(char::is_ascii_digit).collect();
        let unit = interval.get(number.len()..).unwrap_or_default();
        let length = number.parse().ok().and_then(|number| length(unit, number));
        if let (Some(length), Ok(count)) = (length, value.trim().parse()) {
            self.count(counted, length, None, Some(count), now);
        }
    }

    fn count(
        &self,
        counted: Counted,
        length: Duration,
        limit: Option<u64>,
        count: Option<u64>,
        now: Timestamp,
    ) {
        let mut state = self.0.borrow_mut();
        let in_flight = if counted == Counted::Orders {
            state.in_flight
        } else {
            0
        };
        let at = state
            .windows
            .iter()
            .position(|window| window.counted == counted && window.length == length);
        let at = match (at, limit) {
            (Some(at), _) => at,
            (None, Some(limit)) => {
                state.windows.push(Window::new(counted, length, limit));
                state.windows.len() - 1
            }
            (None, None) => return,
        };
        let Some(window) = state.windows.get_mut(at) else {
            return;
        };
        window.roll(now);
        window.limit = limit.unwrap_or(window.limit);
        window.count = count.map_or(window.count, |count| count.saturating_add(in_flight));
    }

    /// Takes a 429 or 418. `retry_after` as the venue gave it; without one the shortest sensible wait.
    pub fn refused(&self, error: &VenueError, code: Option<i64>, now: Timestamp) {
        let (banned, retry_after, text) = match error {
            VenueError::RateLimited { retry_after, text } => (false, *retry_after, text),
            VenueError::Banned { retry_after, text } => (true, *retry_after, text),
            _ => return,
        };
        let mut state = self.0.borrow_mut();
        let wait = retry_after.unwrap_or_else(|| match state.windows.first() {
            _ if banned => SHORTEST_BAN,
            Some(window) if code != Some(-1015) => window.ends_in(now),
            _ => Duration::from_secs(10),
        });
        let until = now.checked_add(wait).unwrap_or(now);
        let stop = Stop {
            until,
            banned,
            orders_only: code == Some(-1015),
            text: text.clone(),
        };
        match &state.stop {
            // A stop of more requests, or a longer one, is not replaced by a lesser one.
            Some(standing)
                if standing.until > until && (!standing.orders_only || stop.orders_only) => {}
            _ => state.stop = Some(stop),
        }
    }

    /// Whether an order may go out now.
    ///
    /// # Errors
    /// [`VenueError::RateLimited`] or [`VenueError::Banned`], with the time until it may.
    pub fn may_place(&self, now: Timestamp) -> Result<(), VenueError> {
        self.check(now, 1, true, true)
    }

    /// Whether a request that can wait (market data) may go out now: it leaves the reserve alone.
    ///
    /// # Errors
    /// As [`Self::may_place`].
    pub fn may_read(&self, now: Timestamp, weight: u64) -> Result<(), VenueError> {
        self.check(now, weight, false, true)
    }

    /// Whether a query about orders may go out now: it may use the reserve.
    ///
    /// # Errors
    /// As [`Self::may_place`].
    pub fn may_query(&self, now: Timestamp, weight: u64) -> Result<(), VenueError> {
        self.check(now, weight, false, false)
    }

    fn check(
        &self,
        now: Timestamp,
        weight: u64,
        order: bool,
        keep_reserve: bool,
    ) -> Result<(), VenueError> {
        let mut state = self.0.borrow_mut();
        if state.stop.as_ref().is_some_and(|stop| now >= stop.until) {
            state.stop = None;
        }
        if let Some(stop) = state
            .stop
            .as_ref()
            .filter(|stop| order || !stop.orders_only)
        {
            let (retry_after, text) = (Some(stop.until.saturating_since(now)), stop.text.clone());
            return Err(match stop.banned {
                true => VenueError::Banned { retry_after, text },
                false => VenueError::RateLimited { retry_after, text },
            });
        }
        let reserve = if keep_reserve {
            state.reserve_percent
        } else {
            0
        };
        for window in &mut state.windows {
            window.roll(now);
            let (adds, limit, what) = match window.counted {
                Counted::Weight => (weight, spared(window.limit, reserve), "request weight"),
                Counted::Orders if order => (1, window.limit, "orders"),
                Counted::Orders | Counted::Connections => continue,
            };
            if window.count.saturating_add(adds) > limit {
                let text = format!(
                    "{} of {limit} {what} in {:?} are used",
                    window.count, window.length
                );
                return Err(VenueError::RateLimited {
                    retry_after: Some(window.ends_in(now)),
                    text,
                });
            }
        }
        Ok(())
    }

    /// Counts an attempt to open a WebSocket, which costs `weight`, if one may be made now. The reserve is
    /// left to other programs behind the same address, whose attempts are not known here.
    ///
    /// # Errors
    /// [`VenueError::RateLimited`] when too many were made, [`VenueError::Banned`] during a ban; with the
    /// time until one may be made.
    pub fn may_connect(&self, now: Timestamp, weight: u64) -> Result<(), VenueError> {
        if let Err(banned @ VenueError::Banned { .. }) = self.check(now, 0, false, false) {
            return Err(banned);
        }
        let mut state = self.0.borrow_mut();
        let reserve = state.reserve_percent;
        let windows = state.windows.iter_mut();
        for window in windows.filter(|window| window.counted == Counted::Connections) {
            window.roll(now);
            let limit = spared(window.limit, reserve);
            if window.count >= limit {
                let (count, length) = (window.count, window.length);
                let text = format!("{count} of {limit} connections in {length:?} are used");
                return Err(VenueError::RateLimited {
                    retry_after: Some(window.ends_in(now)),
                    text,
                });
            }
            window.count += 1;
        }
        drop(state);
        self.spend(now, weight);
        Ok(())
    }

    /// Counts a request's weight until the venue's own count arrives.
    pub fn spend(&self, now: Timestamp, weight: u64) {
        for window in &mut self.0.borrow_mut().windows {
            window.roll(now);
            if window.counted == Counted::Weight {
                window.count = window.count.saturating_add(weight);
            }
        }
    }

    /// Counts an order that is handed over. Keep the result until its answer was learnt from.
    #[must_use]
    pub fn order_sent(&self, now: Timestamp) -> InFlight {
        let mut state = self.0.borrow_mut();
        state.in_flight += 1;
        for window in &mut state.windows {
            window.roll(now);
            if window.counted == Counted::Orders {
                window.count = window.count.saturating_add(1);
            }
        }
        InFlight(Rc::clone(&self.0))
    }
}

/// A limit without its reserve.
fn spared(limit: u64, reserve_percent: u64) -> u64 {
    limit - limit / 100 * reserve_percent.min(100)
}

/// `SECOND`, `MINUTE`, `HOUR`, `DAY` in rows, their first letters in headers.
fn length(unit: &str, number: u64) -> Option<Duration> {
    let seconds = match unit.chars().next()?.to_ascii_uppercase() {
        'S' => 1,
        'M' => 60,
        'H' => 3_600,
        'D' => 86_400,
        _ => return None,
    };
    number
        .checked_mul(seconds)
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds after a full day of the venue.
    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_790_035_200_000 + i64::try_from(seconds).unwrap() * 1_000)
    }

    fn row(kind: &str, interval: &str, number: u64, limit: u64, count: Option<u64>) -> RateLimit {
        RateLimit {
            rate_limit_type: kind.into(),
            interval: interval.into(),
            interval_num: number,
            limit,
            count,
        }
    }

    #[test]
    fn orders_stop_at_the_venues_count_and_start_again_with_its_next_aligned_window() {
        let limits = Limits::new(0);
        limits.learn(&[row("ORDERS", "SECOND", 10, 3, Some(2))], at(17));
        assert_eq!(limits.may_place(at(17)), Ok(()));
        let sent = limits.order_sent(at(17));
        let Err(VenueError::RateLimited { retry_after, .. }) = limits.may_place(at(18)) else {
            panic!("the limit was not kept");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(2)));
        assert_eq!(limits.may_place(at(20)), Ok(()));
        drop(sent);
        limits.learn_header("X-MBX-ORDER-COUNT-10S", "3", at(21));
        assert!(limits.may_place(at(29)).is_err());
        assert_eq!(limits.may_query(at(29), 4), Ok(()));
    }

    #[test]
    fn orders_in_flight_are_added_to_a_count_that_cannot_hold_them_yet() {
        let limits = Limits::new(0);
        limits.learn(&[row("ORDERS", "SECOND", 10, 3, None)], at(0));
        let (first, second) = (limits.order_sent(at(0)), limits.order_sent(at(0)));
        drop(first);
        limits.learn_header("x-mbx-order-count-10s", "1", at(0));
        assert_eq!(
            limits.may_place(at(0)),
            Ok(()),
            "one answered, one on its way, one free"
        );
        limits.learn_header("x-mbx-order-count-10s", "2", at(0));
        assert!(limits.may_place(at(0)).is_err());
        drop(second);
    }

    #[test]
    fn market_data_and_orders_leave_the_reserve_to_queries() {
        let limits = Limits::new(20);
        limits.learn_header("x-mbx-used-weight-1m", "4795", at(30));
        for (weight, reads, queries) in [
            (5, true, true),
            (6, false, true),
            (1_205, false, true),
            (1_206, false, false),
        ] {
            assert_eq!(limits.may_read(at(30), weight).is_ok(), reads, "{weight}");
            assert_eq!(
                limits.may_query(at(30), weight).is_ok(),
                queries,
                "{weight}"
            );
        }
        limits.spend(at(31), 5);
        assert!(limits.may_place(at(31)).is_err());
        assert_eq!(limits.may_place(at(60)), Ok(()));
    }

    #[test]
    fn a_refusal_stops_for_as_long_as_the_venue_says() {
        let limited = |retry_after| VenueError::RateLimited {
            retry_after,
            text: "slow down".into(),
        };
        let banned = |retry_after| VenueError::Banned {
            retry_after,
            text: "banned".into(),
        };
        let seconds = |n| Some(Duration::from_secs(n));
        for (error, code, last, first, queries) in [
            (limited(seconds(7)), Some(-1003), 1_036, 1_037, false),
            (limited(None), Some(-1003), 1_079, 1_080, false),
            (limited(seconds(7)), Some(-1015), 1_036, 1_037, true),
            (banned(seconds(300)), None, 1_329, 1_330, false),
            (banned(None), None, 1_149, 1_150, false),
        ] {
            let limits = Limits::new(20);
            limits.refused(&error, code, at(1_030));
            // A lesser refusal that arrives later does not shorten it.
            limits.refused(&limited(seconds(1)), Some(-1015), at(1_030));
            assert!(limits.may_place(at(last)).is_err(), "{error} {code:?}");
            assert_eq!(
                limits.may_query(at(last), 4).is_ok(),
                queries,
                "{error} {code:?}"
            );
            assert_eq!(limits.may_place(at(first)), Ok(()), "{error} {code:?}");
        }
    }

    #[test]
    fn connections_are_attempted_within_their_limit_and_not_during_a_ban() {
        let limits = Limits::new(20);
        for _ in 0..240 {
            assert_eq!(limits.may_connect(at(10), 0), Ok(()));
        }
        let Err(VenueError::RateLimited { retry_after, .. }) = limits.may_connect(at(40), 0) else {
            panic!("the limit was not kept");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(260)));
        assert_eq!(limits.may_place(at(40)), Ok(()));
        limits.learn(&[row("CONNECTIONS", "MINUTE", 5, 10, None)], at(300));
        for _ in 0..10 {
            assert_eq!(limits.may_connect(at(300), 2), Ok(()));
        }
        assert!(limits.may_connect(at(300), 2).is_err());
        // What connecting costs counts as well.
        assert!(limits.may_query(at(300), 5_980).is_ok());
        assert!(limits.may_query(at(300), 5_981).is_err());
        let (retry_after, text) = (Some(Duration::from_secs(120)), "banned".to_owned());
        limits.refused(&VenueError::Banned { retry_after, text }, None, at(590));
        assert!(matches!(
            limits.may_connect(at(700), 2),
            Err(VenueError::Banned { .. })
        ));
        assert_eq!(limits.may_connect(at(710), 2), Ok(()));
    }

    #[test]
    fn limits_and_intervals_that_are_not_known_pass() {
        let limits = Limits::new(0);
        limits.learn(
            &[
                row("RAW_REQUESTS", "MINUTE", 5, 0, Some(9)),
                row("ORDERS", "FORTNIGHT", 1, 0, None),
            ],
            at(0),
        );
        for (name, value) in [
            ("x-mbx-used-weight", "9999"),
            ("x-mbx-used-weight-1m", "many"),
            ("x-mbx-order-count-", "1"),
        ] {
            limits.learn_header(name, value, at(0));
        }
        assert_eq!(limits.may_place(at(0)), Ok(()));
        limits.learn(&[row("ORDERS", "HOUR", 1, 1, Some(1))], at(0));
        assert!(limits.may_place(at(0)).is_err(), "a new interval counts");
    }
}
