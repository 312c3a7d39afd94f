//! The numbers of the adapter, each with its unit in its name and the range that it may have.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SettingsError;

macro_rules! bounds {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:literal in $least:literal..=$most:literal;)*) => {
        /// The numbers, each with its unit in its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Bounds {
            $($(#[doc = $doc])+ #[doc = concat!("Default ", stringify!($default), ".")] pub $name: u64,)*
        }

        impl Default for Bounds {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Bounds {
            pub(super) fn faults(&self) -> Vec<SettingsError> {
                let mut faults = Vec::new();
                $(if !($least..=$most).contains(&self.$name) {
                    let (value, least, most) = (self.$name, $least, $most);
                    faults.push(SettingsError::OutOfRange { field: stringify!($name), value, least, most });
                })*
                faults
            }
        }
    };
}

bounds! {
    /// For how many milliseconds after its time stamp a signed request may be carried out (Binance
    /// `recvWindow`). Small bounds how late a delayed order can still execute.
    recv_window_ms = 5_000 in 1..=60_000;
    /// Resolving and connecting; the TLS handshake has as long again.
    connect_timeout_ms = 5_000 in 1..=60_000;
    /// From handing over a request to its answer. Above the venue's own ten seconds, so that its answer
    /// -1007 arrives.
    request_timeout_ms = 11_000 in 1..=120_000;
    /// From a REST answer's head to the end of its body.
    body_timeout_ms = 10_000 in 1..=120_000;
    /// The longest REST answer that is read.
    body_limit_bytes = 16_777_216 in 1_024..=268_435_456;
    /// How long an idle REST connection is kept open. While orders go by REST, one is kept from being idle
    /// so long by a ping (weight 1) after each third of it.
    keep_alive_ms = 60_000 in 1..=3_600_000;
    /// The longest message of a WebSocket.
    message_limit_bytes = 8_388_608 in 65_536..=268_435_456;
    /// Without a message on the market streams for as long, the connection is dead. Pings do not count;
    /// after half of it something is asked whose answer does.
    market_silence_ms = 30_000 in 100..=600_000;
    /// The same for the WebSocket API, which carries the private stream.
    private_silence_ms = 45_000 in 100..=600_000;
    /// A connection is replaced by a new one at this age; the venue ends it after 24 hours.
    hand_over_age_ms = 82_800_000 in 1_000..=86_000_000;
    /// The wait before the first new attempt to connect; it doubles with each further one.
    reconnect_first_ms = 250 in 1..=60_000;
    /// The longest wait between two attempts to connect.
    reconnect_longest_ms = 30_000 in 1..=600_000;
    /// The greatest offset of the local clock, its uncertainty included, that orders are placed with.
    clock_bound_ms = 500 in 1..=10_000;
    /// How often the offset is measured.
    clock_sync_every_ms = 300_000 in 1_000..=86_400_000;
    /// How many requests one measurement takes; the fastest decides.
    clock_samples = 5 in 1..=50;
    /// How long the venue's matching engine may hold a request that was let in: its own time-out, after
    /// which it answers -1007.
    engine_timeout_ms = 10_000 in 0..=120_000;
    /// How long the venue's reads may not show an order that its matching engine has.
    stale_reads_ms = 5_000 in 0..=120_000;
    /// The share of the request weight that is kept for cancels and for queries about orders.
    weight_reserve_percent = 20 in 0..=90;
}

const fn millis(value: u64) -> Duration {
    Duration::from_millis(value)
}

impl Bounds {
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        millis(self.connect_timeout_ms)
    }

    #[must_use]
    pub const fn request_timeout(&self) -> Duration {
        millis(self.request_timeout_ms)
    }

    #[must_use]
    pub const fn clock_bound(&self) -> Duration {
        millis(self.clock_bound_ms)
    }

    /// How long after an order was handed over "unknown to the venue" is not final. What can still
    /// happen comes one after the other, so the times add up:
    ///
    /// 1. it waits before the matching engine, where the venue looks at its time stamp for the last time:
    ///    `recvWindow` after the stamp, by the venue's own clock;
    /// 2. the matching engine holds it: until the venue's time-out, which begins only then;
    /// 3. it stands, and the reads do not show it yet;
    /// 4. and this side, which waits by its own clock, may be ahead of the venue's by the clock's bound.
    #[must_use]
    pub const fn settle_time(&self) -> Duration {
        let Self {
            recv_window_ms,
            engine_timeout_ms,
            stale_reads_ms,
            clock_bound_ms,
            ..
        } = *self;
        millis(recv_window_ms + engine_timeout_ms + stale_reads_ms + clock_bound_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_delay_an_order_or_hide_it_adds_to_the_settle_time() {
        let bounds = Bounds::default();
        assert_eq!(bounds.settle_time(), Duration::from_millis(20_500));
        let longer: [fn(&mut Bounds); 4] = [
            |bounds| bounds.recv_window_ms += 700,
            |bounds| bounds.engine_timeout_ms += 700,
            |bounds| bounds.stale_reads_ms += 700,
            |bounds| bounds.clock_bound_ms += 700,
        ];
        for (nth, lengthen) in longer.into_iter().enumerate() {
            let mut bounds = bounds;
            lengthen(&mut bounds);
            let settle = bounds.settle_time();
            assert_eq!(settle, Duration::from_millis(21_200), "number {nth}");
        }
    }
}
