//! Stream names, such as `btcusdt@depth20@100ms`.

use tripline_engine::ids::Symbol;

use crate::model::Interval;

/// What a stream tells of its symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    AggTrade,
    Trade,
    Kline(Interval),
    MiniTicker,
    Ticker,
    BookTicker,
    AvgPrice,
    /// The best 5, 10 or 20 levels, every 100 ms when `fast`, else every second.
    Partial {
        levels: usize,
        fast: bool,
    },
    /// Changed levels.
    Diff {
        fast: bool,
    },
}

/// A stream that can say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// `None` for `!miniTicker@arr`.
    pub symbol: Option<Symbol>,
    pub kind: Kind,
}

impl StreamId {
    pub const fn of(symbol: Symbol, kind: Kind) -> Self {
        Self {
            symbol: Some(symbol),
            kind,
        }
    }

    /// The stream of this name; `None` for one that does not exist.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "!miniTicker@arr" {
            return Some(Self {
                symbol: None,
                kind: Kind::MiniTicker,
            });
        }
        let (symbol, rest) = name.split_once('@')?;
        if symbol.chars().any(|letter| letter.is_ascii_uppercase()) {
            return None;
        }
        let symbol = Symbol::new(&symbol.to_uppercase()).ok()?;
        Some(Self::of(symbol, kind(rest)?))
    }
}

fn kind(rest: &str) -> Option<Kind> {
    if let Some(interval) = rest.strip_prefix("kline_") {
        return Interval::parse(interval).map(Kind::Kline);
    }
    let (word, fast) = match rest.strip_suffix("@100ms") {
        Some(word) => (word, true),
        None => (rest.strip_suffix("@1000ms").unwrap_or(rest), false),
    };
    match word {
        "depth" => return Some(Kind::Diff { fast }),
        "depth5" => return Some(Kind::Partial { levels: 5, fast }),
        "depth10" => return Some(Kind::Partial { levels: 10, fast }),
        "depth20" => return Some(Kind::Partial { levels: 20, fast }),
        _ => {}
    }
    match rest {
        "aggTrade" => Some(Kind::AggTrade),
        "trade" => Some(Kind::Trade),
        "miniTicker" => Some(Kind::MiniTicker),
        "ticker" => Some(Kind::Ticker),
        "bookTicker" => Some(Kind::BookTicker),
        "avgPrice" => Some(Kind::AvgPrice),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_names_are_known_and_others_are_not() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let known = [
            ("btcusdt@bookTicker", Kind::BookTicker),
            ("btcusdt@depth", Kind::Diff { fast: false }),
            ("btcusdt@depth@100ms", Kind::Diff { fast: true }),
            (
                "btcusdt@depth20@100ms",
                Kind::Partial {
                    levels: 20,
                    fast: true,
                },
            ),
            ("btcusdt@kline_1M", Kind::Kline(Interval::Month)),
        ];
        for (name, kind) in known {
            assert_eq!(
                StreamId::parse(name),
                Some(StreamId::of(symbol, kind)),
                "{name}"
            );
        }
        for name in [
            "BTCUSDT@trade",
            "btcusdt",
            "btcusdt@depth7",
            "0",
            "",
            "!ticker@arr",
            "btcusdt@kline_7m",
        ] {
            assert_eq!(StreamId::parse(name), None, "{name}");
        }
    }
}
