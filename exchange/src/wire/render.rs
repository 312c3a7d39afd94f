//! Numbers and times as the venue writes them.

use rust_decimal::Decimal;

/// The unit in which a client wants times (`X-MBX-TIME-UNIT`, `timeUnit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimeUnit {
    #[default]
    Millisecond,
    Microsecond,
}

impl TimeUnit {
    /// Reads the header or URL option; `None` for a value that is neither (error -1194).
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "MILLISECOND" | "millisecond" => Some(Self::Millisecond),
            "MICROSECOND" | "microsecond" => Some(Self::Microsecond),
            _ => None,
        }
    }

    /// A time in Unix microseconds in this unit.
    pub fn of(self, time_us: i64) -> i64 {
        match self {
            Self::Millisecond => time_us.div_euclid(1_000),
            Self::Microsecond => time_us,
        }
    }
}

/// A decimal with exactly eight places and never an exponent, as Spot writes every amount.
pub fn amount(value: Decimal) -> String {
    format!("{value:.8}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_eight_places_and_no_exponent() {
        assert_eq!(amount(Decimal::new(1, 8)), "0.00000001");
        assert_eq!(amount(Decimal::new(5, 0)), "5.00000000");
        assert_eq!(amount(Decimal::new(123_456_789_012, 9)), "123.45678901");
    }
}
