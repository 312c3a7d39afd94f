//! Rate limits: fixed windows aligned to the clock, weights per address, unfilled orders per account
//! (Binance Spot API docs, "LIMITS" and the FAQ on order count decrement).

use std::collections::HashMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};
use tripline_engine::ids::AccountId;

use crate::wire::ApiError;

const SECOND_US: i64 = 1_000_000;

/// The sizes of the limits; the defaults are the live venue's of 2026.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitConfig {
    /// REQUEST_WEIGHT per minute and address, REST and WebSocket API together.
    pub weight_per_minute: u32,
    /// RAW_REQUESTS per five minutes and address.
    pub raw_per_5_minutes: u32,
    /// ORDERS per ten seconds and account.
    pub orders_per_10_seconds: u32,
    /// ORDERS per day and account.
    pub orders_per_day: u32,
    /// WebSocket connection attempts per five minutes and address.
    pub connections_per_5_minutes: u32,
    /// Frames (ping, pong and JSON) that a client may send on a stream connection in a second.
    pub stream_messages_per_second: u32,
    /// Streams per connection.
    pub streams_per_connection: usize,
    /// Requests over the weight limit, within one window, that turn 429 into 418.
    pub ban_after: u32,
    /// Seconds of the first ban; each further one is twice as long, at most three days.
    pub ban_seconds: i64,
    /// What a first fill as maker takes off the unfilled order count (as taker it is always 1).
    pub maker_fill_credit: u32,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            weight_per_minute: 6_000,
            raw_per_5_minutes: 300_000,
            orders_per_10_seconds: 100,
            orders_per_day: 200_000,
            connections_per_5_minutes: 300,
            stream_messages_per_second: 5,
            streams_per_connection: 1_024,
            ban_after: 10,
            ban_seconds: 120,
            maker_fill_credit: 5,
        }
    }
}

/// A count that starts again at every multiple of its length since 1970.
#[derive(Debug, Clone, Copy)]
struct Window {
    length_us: i64,
    index: i64,
    count: u32,
}

impl Window {
    const fn seconds(seconds: i64) -> Self {
        Self {
            length_us: seconds * SECOND_US,
            index: 0,
            count: 0,
        }
    }

    fn at(&mut self, now_us: i64) -> &mut u32 {
        let index = now_us.div_euclid(self.length_us);
        if index != self.index {
            *self = Self {
                index,
                count: 0,
                ..*self
            };
        }
        &mut self.count
    }

    fn ends_us(&self) -> i64 {
        (self.index + 1) * self.length_us
    }
}

#[derive(Debug)]
struct AddressUsage {
    weight: Window,
    raw: Window,
    connections: Window,
    /// Requests refused in the present weight window.
    refused: Window,
    banned_until_us: i64,
    bans: u32,
}

impl AddressUsage {
    fn new() -> Self {
        Self {
            weight: Window::seconds(60),
            raw: Window::seconds(300),
            connections: Window::seconds(300),
            refused: Window::seconds(60),
            banned_until_us: 0,
            bans: 0,
        }
    }
}

#[derive(Debug)]
struct OrderUsage {
    ten_seconds: Window,
    day: Window,
}

/// The counts at one moment, for headers and `rateLimits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCount {
    pub ten_seconds: u32,
    pub day: u32,
}

/// All counters of the exchange. An absent address (a connection in memory) is an address of its own.
#[derive(Debug)]
pub struct Limits {
    config: LimitConfig,
    addresses: HashMap<Option<IpAddr>, AddressUsage>,
    accounts: HashMap<AccountId, OrderUsage>,
}

impl Limits {
    pub fn new(config: LimitConfig) -> Self {
        Self {
            config,
            addresses: HashMap::new(),
            accounts: HashMap::new(),
        }
    }

    pub fn config(&self) -> &LimitConfig {
        &self.config
    }

    fn address(&mut self, address: Option<IpAddr>) -> &mut AddressUsage {
        self.addresses
            .entry(address)
            .or_insert_with(AddressUsage::new)
    }

    fn account(&mut self, account: AccountId) -> &mut OrderUsage {
        let fresh = || OrderUsage {
            ten_seconds: Window::seconds(10),
            day: Window::seconds(86_400),
        };
        self.accounts.entry(account).or_insert_with(fresh)
    }

    /// Charges one request.
    ///
    /// # Errors
    /// 418 while the address is banned, 429 when the weight or the raw requests exceed their limit;
    /// such a request must not be carried out.
    pub fn charge(
        &mut self,
        address: Option<IpAddr>,
        weight: u32,
        now_us: i64,
    ) -> Result<(), ApiError> {
        let config = self.config.clone();
        let usage = self.address(address);
        if now_us < usage.banned_until_us {
            return Err(banned(usage.banned_until_us));
        }
        *usage.raw.at(now_us) += 1;
        if *usage.raw.at(now_us) > config.raw_per_5_minutes {
            let msg = format!(
                "Too many requests; current limit is {} requests per 5 MINUTE.",
                config.raw_per_5_minutes
            );
            return Err(ApiError::too_many_requests(429, msg, usage.raw.ends_us()));
        }
        *usage.weight.at(now_us) = usage.weight.at(now_us).saturating_add(weight);
        if *usage.weight.at(now_us) <= config.weight_per_minute {
            return Ok(());
        }
        *usage.refused.at(now_us) += 1;
        if *usage.refused.at(now_us) > config.ban_after {
            ban(usage, &config, now_us);
            return Err(banned(usage.banned_until_us));
        }
        let msg = format!(
            "Too much request weight used; current limit is {} request weight per 1 MINUTE. Please use \
             WebSocket Streams for live updates to avoid polling the API.",
            config.weight_per_minute
        );
        Err(ApiError::too_many_requests(
            429,
            msg,
            usage.weight.ends_us(),
        ))
    }

    /// Takes back the weight of a request that turned out to be free.
    pub fn refund(&mut self, address: Option<IpAddr>, weight: u32, now_us: i64) {
        let used = self.address(address).weight.at(now_us);
        *used = used.saturating_sub(weight);
    }

    /// Counts an attempt to open a WebSocket.
    ///
    /// # Errors
    /// 418 while banned, 429 over the limit.
    pub fn connect(&mut self, address: Option<IpAddr>, now_us: i64) -> Result<(), ApiError> {
        let limit = self.config.connections_per_5_minutes;
        let usage = self.address(address);
        if now_us < usage.banned_until_us {
            return Err(banned(usage.banned_until_us));
        }
        *usage.connections.at(now_us) += 1;
        if *usage.connections.at(now_us) > limit {
            let msg =
                format!("Too many connection attempts; current limit is {limit} per 5 MINUTE.");
            return Err(ApiError::too_many_requests(
                429,
                msg,
                usage.connections.ends_us(),
            ));
        }
        Ok(())
    }

    /// Bans an address until the given time.
    pub fn ban_until(&mut self, address: Option<IpAddr>, until_us: i64) -> ApiError {
        self.address(address).banned_until_us = until_us;
        banned(until_us)
    }

    /// Forgets all counts and bans.
    pub fn clear(&mut self) {
        self.addresses.clear();
        self.accounts.clear();
    }

    pub fn weight_used(&mut self, address: Option<IpAddr>, now_us: i64) -> u32 {
        *self.address(address).weight.at(now_us)
    }

    /// Counts `orders` new orders of an account.
    ///
    /// # Errors
    /// -1015 with status 429 when a limit is exceeded; nothing is counted then.
    pub fn count_orders(
        &mut self,
        account: AccountId,
        orders: u32,
        now_us: i64,
    ) -> Result<(), ApiError> {
        let (short, long) = (
            self.config.orders_per_10_seconds,
            self.config.orders_per_day,
        );
        let usage = self.account(account);
        let too_many = |limit: u32, interval: &str, ends_us: i64| {
            let msg =
                format!("Too many new orders; current limit is {limit} orders per {interval}.");
            let mut error = ApiError::new(-1015, msg).with_status(429);
            error.retry_at_us = Some(ends_us);
            error
        };
        if usage.day.at(now_us).saturating_add(orders) > long {
            return Err(too_many(long, "1 DAY", usage.day.ends_us()));
        }
        if usage.ten_seconds.at(now_us).saturating_add(orders) > short {
            return Err(too_many(short, "10 SECOND", usage.ten_seconds.ends_us()));
        }
        *usage.day.at(now_us) += orders;
        *usage.ten_seconds.at(now_us) += orders;
        Ok(())
    }

    /// The first fill of an order lowers the counts of the present windows.
    pub fn credit_first_fill(&mut self, account: AccountId, maker: bool, now_us: i64) {
        let credit = if maker {
            self.config.maker_fill_credit
        } else {
            1
        };
        let usage = self.account(account);
        for window in [&mut usage.ten_seconds, &mut usage.day] {
            let count = window.at(now_us);
            *count = count.saturating_sub(credit);
        }
    }

    pub fn order_count(&mut self, account: AccountId, now_us: i64) -> OrderCount {
        let usage = self.account(account);
        OrderCount {
            ten_seconds: *usage.ten_seconds.at(now_us),
            day: *usage.day.at(now_us),
        }
    }

    /// `rateLimits` as `exchangeInfo` lists them; the WebSocket API shows CONNECTIONS in place of
    /// RAW_REQUESTS.
    pub fn list(&self, websocket: bool) -> Value {
        let config = &self.config;
        let row = |kind: &str, interval: &str, number: u32, limit: u32| json!({"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit});
        let last = if websocket {
            row("CONNECTIONS", "MINUTE", 5, config.connections_per_5_minutes)
        } else {
            row("RAW_REQUESTS", "MINUTE", 5, config.raw_per_5_minutes)
        };
        json!([
            row("REQUEST_WEIGHT", "MINUTE", 1, config.weight_per_minute),
            row("ORDERS", "SECOND", 10, config.orders_per_10_seconds),
            row("ORDERS", "DAY", 1, config.orders_per_day),
            last,
        ])
    }

    /// The two ORDERS rows with their present counts.
    pub fn order_rows(&mut self, account: AccountId, now_us: i64) -> [Value; 2] {
        let count = self.order_count(account, now_us);
        let row = |interval: &str, number: u32, limit: u32, count: u32| json!({"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": limit, "count": count});
        [
            row(
                "SECOND",
                10,
                self.config.orders_per_10_seconds,
                count.ten_seconds,
            ),
            row("DAY", 1, self.config.orders_per_day, count.day),
        ]
    }

    /// The REQUEST_WEIGHT row with its present count.
    pub fn weight_row(&mut self, address: Option<IpAddr>, now_us: i64) -> Value {
        let limit = self.config.weight_per_minute;
        let count = self.weight_used(address, now_us);
        json!({"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limit, "count": count})
    }
}

fn ban(usage: &mut AddressUsage, config: &LimitConfig, now_us: i64) {
    let seconds = config
        .ban_seconds
        .saturating_mul(1_i64 << usage.bans.min(20))
        .min(3 * 86_400);
    usage.bans += 1;
    usage.banned_until_us = now_us + seconds * SECOND_US;
}

fn banned(until_us: i64) -> ApiError {
    let msg = format!(
        "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates \
         to avoid bans.",
        until_us.div_euclid(1_000)
    );
    ApiError::too_many_requests(418, msg, until_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountId {
        AccountId::new("practice").unwrap()
    }

    fn limits(change: impl FnOnce(&mut LimitConfig)) -> Limits {
        let mut config = LimitConfig::default();
        change(&mut config);
        Limits::new(config)
    }

    #[test]
    fn the_weight_window_is_aligned_to_the_minute_and_does_not_slide() {
        let mut limits = limits(|config| config.weight_per_minute = 10);
        assert!(limits.charge(None, 10, 59_999_999).is_ok());
        assert!(
            limits.charge(None, 10, 60_000_000).is_ok(),
            "a new minute has begun"
        );
        let error = limits.charge(None, 1, 60_000_001).unwrap_err();
        assert_eq!(
            (error.status, error.code, error.retry_at_us),
            (429, -1003, Some(120_000_000))
        );
    }

    #[test]
    fn going_on_over_the_limit_turns_429_into_a_ban_that_doubles() {
        let mut limits = limits(|config| {
            (
                config.weight_per_minute,
                config.ban_after,
                config.ban_seconds,
            ) = (1, 2, 60)
        });
        let statuses: Vec<_> = (0..5)
            .map(|at| {
                limits
                    .charge(None, 1, at)
                    .map_or_else(|error| error.status, |()| 200)
            })
            .collect();
        assert_eq!(statuses, [200, 429, 429, 418, 418]);
        assert!(
            limits.charge(None, 1, 61_000_000).is_ok(),
            "the ban is over"
        );
        let until = (0..3).map(|at| {
            limits
                .charge(None, 1, 62_000_000 + at)
                .unwrap_err()
                .retry_at_us
        });
        assert_eq!(
            until.last(),
            Some(Some(62_000_002 + 120_000_000)),
            "the second ban is twice as long"
        );
    }

    #[test]
    fn free_requests_are_refunded_but_failed_ones_stay_charged() {
        let mut limits = limits(|_| ());
        limits.charge(None, 1, 0).unwrap();
        limits.charge(None, 4, 0).unwrap();
        limits.refund(None, 1, 0);
        assert_eq!(limits.weight_used(None, 1), 4);
    }

    #[test]
    fn orders_are_counted_in_both_windows_and_a_fill_gives_some_back() {
        let mut limits = limits(|config| config.orders_per_10_seconds = 3);
        limits.count_orders(account(), 3, 1).unwrap();
        let error = limits.count_orders(account(), 1, 2).unwrap_err();
        assert_eq!((error.status, error.code), (429, -1015));
        assert_eq!(
            error.msg,
            "Too many new orders; current limit is 3 orders per 10 SECOND."
        );
        limits.credit_first_fill(account(), false, 3);
        assert_eq!(
            limits.order_count(account(), 3),
            OrderCount {
                ten_seconds: 2,
                day: 2
            }
        );
        limits.credit_first_fill(account(), true, 3);
        assert_eq!(
            limits.order_count(account(), 3),
            OrderCount {
                ten_seconds: 0,
                day: 0
            }
        );
        limits.count_orders(account(), 1, 10_000_000).unwrap();
        assert_eq!(
            limits.order_count(account(), 10_000_000),
            OrderCount {
                ten_seconds: 1,
                day: 1
            }
        );
    }

    #[test]
    fn addresses_do_not_share_their_weight() {
        let mut limits = limits(|config| config.weight_per_minute = 1);
        let other = Some(IpAddr::from([10, 0, 0, 1]));
        limits.charge(None, 1, 0).unwrap();
        assert!(limits.charge(other, 1, 0).is_ok());
        assert!(limits.charge(None, 1, 0).is_err());
    }
}
