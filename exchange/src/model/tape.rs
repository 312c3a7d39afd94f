//! The tape: the symbol's public trades, aggregated trades, candles and average price.

use std::collections::VecDeque;

use tripline_engine::money::{Notional, Price, Quantity};

use super::amount::{add, add_quote};
use super::event::Trade;
use super::terms::{Interval, Time};
use super::views::{AggregateTrade, Candle, Window};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// How many trades (single and aggregated) are kept.
const TRADES: usize = 20_000;
/// How many one-second candles with trades are kept.
const SECONDS: usize = 7_200;
/// How many one-minute candles with trades are kept: a month.
const MINUTES: usize = 44_640;

#[derive(Debug)]
pub(super) struct Tape {
    last: Option<Price>,
    trades: VecDeque<Trade>,
    aggregates: VecDeque<AggregateTrade>,
    next_aggregate: u64,
    seconds: VecDeque<Candle>,
    minutes: VecDeque<Candle>,
}

/// The interval's first moment at or before `time`, and the first moment after it.
pub(super) fn bounds(interval: Interval, time: Time) -> (Time, Time) {
    let fixed = |length: i64, offset: i64| {
        let open = (time.0 - offset).div_euclid(length) * length + offset;
        (Time(open), Time(open + length))
    };
    match interval {
        Interval::S1 => fixed(SECOND, 0),
        Interval::M1 => fixed(MINUTE, 0),
        Interval::M3 => fixed(3 * MINUTE, 0),
        Interval::M5 => fixed(5 * MINUTE, 0),
        Interval::M15 => fixed(15 * MINUTE, 0),
        Interval::M30 => fixed(30 * MINUTE, 0),
        Interval::H1 => fixed(60 * MINUTE, 0),
        Interval::H2 => fixed(120 * MINUTE, 0),
        Interval::H4 => fixed(240 * MINUTE, 0),
        Interval::H6 => fixed(360 * MINUTE, 0),
        Interval::H8 => fixed(480 * MINUTE, 0),
        Interval::H12 => fixed(720 * MINUTE, 0),
        Interval::D1 => fixed(DAY, 0),
        Interval::D3 => fixed(3 * DAY, 0),
        // Weeks start on Monday; 1970-01-05 was one.
        Interval::W1 => fixed(7 * DAY, 4 * DAY),
        Interval::Month => month(time),
    }
}

/// The calendar month around `time` (civil calendar from days, after Hinnant).
fn month(time: Time) -> (Time, Time) {
    let days = time.0.div_euclid(DAY);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let first = |era: i64, year: i64, month: i64| {
        let (year, month) = (year + month / 12, month % 12);
        let day_of_year = (153 * month + 2) / 5;
        let day_of_era = 365 * year + year / 4 - year / 100 + day_of_year;
        Time((era * 146_097 + day_of_era - 719_468) * DAY)
    };
    (
        first(era, year_of_era, month_from_march),
        first(era, year_of_era, month_from_march + 1),
    )
}

fn flat(open: Time, end: Time, price: Price) -> Candle {
    Candle {
        open_time: open,
        close_time: Time(end.0 - 1),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Quantity::ZERO,
        quote_volume: Notional::ZERO,
        trades: 0,
        taker_buy_volume: Quantity::ZERO,
        taker_buy_quote: Notional::ZERO,
        first_trade: None,
        last_trade: None,
    }
}

/// Adds a later candle to an earlier one that holds at least one trade or the price before it.
fn absorb(candle: &mut Candle, later: &Candle) {
    if later.trades == 0 {
        return;
    }
    if candle.trades == 0 {
        (candle.open, candle.high, candle.low) = (later.open, later.high, later.low);
        candle.first_trade = later.first_trade;
    }
    candle.high = candle.high.max(later.high);
    candle.low = candle.low.min(later.low);
    candle.close = later.close;
    candle.volume = add(candle.volume, later.volume);
    candle.quote_volume = add_quote(candle.quote_volume, later.quote_volume);
    candle.trades += later.trades;
    candle.taker_buy_volume = add(candle.taker_buy_volume, later.taker_buy_volume);
    candle.taker_buy_quote = add_quote(candle.taker_buy_quote, later.taker_buy_quote);
    candle.last_trade = later.last_trade;
}

fn of_trade(trade: &Trade, interval: Interval) -> Candle {
    let (open, end) = bounds(interval, trade.time);
    let mut candle = flat(open, end, trade.price);
    candle.volume = trade.quantity;
    candle.quote_volume = trade.quote;
    candle.trades = 1;
    if !trade.buyer_is_maker {
        candle.taker_buy_volume = trade.quantity;
        candle.taker_buy_quote = trade.quote;
    }
    candle.first_trade = Some(trade.trade_id);
    candle.last_trade = Some(trade.trade_id);
    candle
}

fn keep<T>(rows: &mut VecDeque<T>, row: T, most: usize) {
    if rows.len() == most {
        rows.pop_front();
    }
    rows.push_back(row);
}

fn add_to_candles(candles: &mut VecDeque<Candle>, candle: Candle, most: usize) {
    match candles
        .back_mut()
        .filter(|last| last.open_time >= candle.open_time)
    {
        Some(last) => absorb(last, &candle),
        None => keep(candles, candle, most),
    }
}

impl Tape {
    pub const fn new(last: Option<Price>) -> Self {
        Self {
            last,
            trades: VecDeque::new(),
            aggregates: VecDeque::new(),
            next_aggregate: 1,
            seconds: VecDeque::new(),
            minutes: VecDeque::new(),
        }
    }

    pub fn record(&mut self, trade: &Trade) {
        self.last = Some(trade.price);
        add_to_candles(&mut self.seconds, of_trade(trade, Interval::S1), SECONDS);
        add_to_candles(&mut self.minutes, of_trade(trade, Interval::M1), MINUTES);
        let same = |last: &&mut AggregateTrade| {
            last.price == trade.price
                && last.time == trade.time
                && last.buyer_is_maker == trade.buyer_is_maker
        };
        if let Some(last) = self.aggregates.back_mut().filter(same) {
            last.quantity = add(last.quantity, trade.quantity);
            last.last_trade = trade.trade_id;
        } else {
            let aggregate = AggregateTrade {
                id: self.next_aggregate,
                price: trade.price,
                quantity: trade.quantity,
                first_trade: trade.trade_id,
                last_trade: trade.trade_id,
                buyer_is_maker: trade.buyer_is_maker,
                time: trade.time,
            };
            self.next_aggregate += 1;
            keep(&mut self.aggregates, aggregate, TRADES);
        }
        keep(&mut self.trades, *trade, TRADES);
    }

    /// Makes a price the last one, as long as nothing has traded.
    pub const fn set_first(&mut self, price: Price) {
        if self.next_aggregate == 1 {
            self.last = Some(price);
        }
    }

    pub const fn last(&self) -> Option<Price> {
        self.last
    }

    pub fn last_time(&self) -> Option<Time> {
        self.trades.back().map(|trade| trade.time)
    }

    /// Average price weighted by quantity over the last `minutes` (in whole minutes, the one under way
    /// included); the last price when nothing traded in them or `minutes` is 0.
    pub fn average(&self, minutes: u32, now: Time) -> Option<Price> {
        let from = Time(now.0 - i64::from(minutes) * MINUTE);
        let mut quote = Notional::ZERO;
        let mut base = Quantity::ZERO;
        let recent = self
            .minutes
            .iter()
            .rev()
            .take_while(|candle| candle.open_time > from);
        for candle in recent.take(minutes as usize) {
            quote = add_quote(quote, candle.quote_volume);
            base = add(base, candle.volume);
        }
        quote.average_price(base).or(self.last)
    }

    pub fn trades(&self, window: &Window) -> Vec<Trade> {
        window
            .select(self.trades.iter(), |trade| (trade.trade_id.0, trade.time))
            .copied()
            .collect()
    }

    pub fn aggregates(&self, window: &Window) -> Vec<AggregateTrade> {
        window
            .select(self.aggregates.iter(), |trade| (trade.id, trade.time))
            .copied()
            .collect()
    }

    /// Candles of any interval from the first trade on, flat where nothing traded.
    pub fn klines(&self, interval: Interval, window: &Window, now: Time) -> Vec<Candle> {
        let source = if interval == Interval::S1 {
            &self.seconds
        } else {
            &self.minutes
        };
        let Some(first) = source.front() else {
            return Vec::new();
        };
        let latest = window.end.unwrap_or(now).min(now);
        let mut at = first.open_time.max(window.start.unwrap_or(first.open_time));
        if window.start.is_none() {
            at = at.max(newest_start(interval, latest, window.limit));
        }
        let begin = bounds(interval, at).0;
        let mut index = source.partition_point(|candle| candle.open_time < begin);
        let before = index.checked_sub(1).and_then(|index| source.get(index));
        let mut close = before.map_or(first.open, |candle| candle.close);
        let mut rows = Vec::new();
        let mut open = begin;
        while open <= latest && rows.len() < window.limit {
            let end = bounds(interval, open).1;
            let mut row = flat(open, end, close);
            while let Some(part) = source.get(index).filter(|part| part.open_time < end) {
                absorb(&mut row, part);
                index += 1;
            }
            close = row.close;
            if window.start.is_none_or(|start| open >= start) {
                rows.push(row);
            }
            open = end;
        }
        rows
    }

    /// One candle over the last `micros`, to the minute.
    pub fn rolling(&self, micros: i64, now: Time) -> Option<Candle> {
        let from = Time(now.0 - micros);
        let start = self
            .minutes
            .partition_point(|candle| candle.open_time <= from);
        let first = self.minutes.get(start)?;
        let mut row = flat(Time(from.0 + 1), Time(now.0 + 1), first.open);
        for candle in self.minutes.range(start..) {
            absorb(&mut row, candle);
        }
        Some(row)
    }
}

/// A moment from which on there are at most `limit` candles up to `latest`; a month is taken as 32 days.
fn newest_start(interval: Interval, latest: Time, limit: usize) -> Time {
    let (open, end) = bounds(interval, latest);
    let rows = i64::try_from(limit).unwrap_or(i64::MAX).saturating_sub(1);
    if interval == Interval::Month {
        return (0..rows.min(1_200)).fold(open, |open, _| bounds(interval, Time(open.0 - 1)).0);
    }
    Time(open.0.saturating_sub(rows.saturating_mul(end.0 - open.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_engine::ids::{Symbol, TradeId};

    fn trade(id: u64, time: i64, price: &str, quantity: &str) -> Trade {
        let (price, quantity): (Price, Quantity) =
            (price.parse().unwrap(), quantity.parse().unwrap());
        Trade {
            symbol: Symbol::new("ETHUSDT").unwrap(),
            trade_id: TradeId(id),
            price,
            quantity,
            quote: price.notional(quantity).unwrap(),
            buyer_is_maker: id.is_multiple_of(2),
            time: Time(time),
        }
    }

    #[test]
    fn candles_cover_every_interval_from_the_first_trade_on() {
        let mut tape = Tape::new(None);
        tape.record(&trade(1, 10 * SECOND, "100", "1"));
        tape.record(&trade(2, 20 * SECOND, "102", "2"));
        tape.record(&trade(3, 3 * MINUTE, "99", "1"));
        let rows = tape.klines(Interval::M1, &Window::newest(500), Time(4 * MINUTE + 1));
        let closes: Vec<String> = rows.iter().map(|row| row.close.to_string()).collect();
        assert_eq!(closes, ["102", "102", "102", "99", "99"]);
        assert_eq!(
            rows.iter().map(|row| row.trades).collect::<Vec<_>>(),
            [2, 0, 0, 1, 0]
        );
        assert_eq!(rows[0].high.to_string(), "102");
        assert_eq!(rows[0].taker_buy_volume.to_string(), "1");
        assert_eq!(rows[0].close_time, Time(MINUTE - 1));
        let last = tape.klines(Interval::M1, &Window::newest(2), Time(4 * MINUTE + 1));
        assert_eq!(last, rows[3..]);
    }

    #[test]
    fn the_average_price_weighs_by_quantity_and_forgets_old_minutes() {
        let mut tape = Tape::new(Some("50".parse().unwrap()));
        assert_eq!(tape.average(5, Time(0)).unwrap().to_string(), "50");
        tape.record(&trade(1, 0, "100", "3"));
        tape.record(&trade(2, 1, "200", "1"));
        assert_eq!(tape.average(5, Time(2)).unwrap().to_string(), "125");
        assert_eq!(tape.average(0, Time(2)).unwrap().to_string(), "200");
        assert_eq!(
            tape.average(5, Time(6 * MINUTE)).unwrap().to_string(),
            "200"
        );
    }

    #[test]
    fn months_and_weeks_start_where_the_calendar_says() {
        // 2024-02-29 12:00 UTC was a Thursday.
        let leap_day = Time(1_709_208_000 * SECOND);
        let (open, end) = bounds(Interval::Month, leap_day);
        assert_eq!(
            (open.millis(), end.millis()),
            (1_706_745_600_000, 1_709_251_200_000)
        );
        assert_eq!(bounds(Interval::W1, leap_day).0.millis(), 1_708_905_600_000);
    }

    #[test]
    fn trades_of_one_taker_at_one_price_are_one_aggregate() {
        let mut tape = Tape::new(None);
        for (id, price) in [(2, "100"), (4, "100"), (6, "101")] {
            tape.record(&trade(id, 7, price, "1"));
        }
        let rows = tape.aggregates(&Window::newest(10));
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[0].first_trade, rows[0].last_trade),
            (TradeId(2), TradeId(4))
        );
    }
}
