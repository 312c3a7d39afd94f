//! Money as exact decimals: [`Price`] (quote per base), [`Quantity`] (base) and [`Notional`] (quote).
//!
//! Arithmetic that can overflow is checked and returns [`MoneyError`]; rounding always names its
//! direction. A float never enters: text is parsed as a plain decimal (`^[0-9]{1,20}(\.[0-9]{1,20})?$`
//! with an optional sign where the type allows one; exponents are refused, as Binance refuses them).

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why an amount could not be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The text is not a plain decimal number.
    #[error("'{text}' is not a plain decimal {what}")]
    Malformed { what: &'static str, text: String },
    /// The amount is below zero where only zero and more make sense.
    #[error("{what} {value} is negative")]
    Negative { what: &'static str, value: Decimal },
    /// The result does not fit the 96-bit decimal.
    #[error("{what} overflows in {left} {operation} {right}")]
    Overflow {
        what: &'static str,
        operation: &'static str,
        left: Decimal,
        right: Decimal,
    },
}

/// The direction in which [`Price::round_to`] and [`Quantity::round_to`] move to a multiple of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the next multiple at or below.
    Down,
    /// To the next multiple at or above.
    Up,
    /// To the nearest multiple; a tie goes to the even one.
    NearestEven,
}

/// Reads a plain decimal: digits, at most one point, no exponent, no blanks.
///
/// # Errors
/// [`MoneyError::Malformed`] for anything else.
pub fn parse_decimal(what: &'static str, text: &str) -> Result<Decimal, MoneyError> {
    let malformed = || MoneyError::Malformed {
        what,
        text: text.chars().take(40).collect(),
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if digits.is_empty() || !plain || digits.starts_with('.') || digits.ends_with('.') {
        return Err(malformed());
    }
    Decimal::from_str_exact(text).map_err(|_| malformed())
}

/// `left + right` to the last digit, without trailing zeros. [`Decimal`]'s own sum rounds silently where
/// its 28 digits do not suffice.
///
/// # Errors
/// [`MoneyError::Overflow`] where the sum would have to be rounded, or does not fit.
pub fn exact_sum(what: &'static str, left: Decimal, right: Decimal) -> Result<Decimal, MoneyError> {
    let sum = |left: Decimal, right: Decimal| {
        let sum = left.checked_add(right)?;
        let one_is_all = left.is_zero() || right.is_zero() || sum.is_zero();
        (one_is_all || sum.scale() == left.scale().max(right.scale())).then_some(sum)
    };
    exact(what, "+", left, right, sum)
}

/// `left * right` to the last digit, without trailing zeros. [`Decimal`]'s own product rounds silently
/// where its 28 digits do not suffice.
///
/// # Errors
/// [`MoneyError::Overflow`] where the product would have to be rounded, or does not fit.
pub fn exact_product(
    what: &'static str,
    left: Decimal,
    right: Decimal,
) -> Result<Decimal, MoneyError> {
    let product = |left: Decimal, right: Decimal| {
        let product = left.checked_mul(right)?;
        let nothing = left.is_zero() || right.is_zero();
        (nothing || product.scale() == left.scale() + right.scale()).then_some(product)
    };
    exact(what, "*", left, right, product)
}

/// Trailing zeros of the operands take up digits that the result needs: without them it may fit.
fn exact(
    what: &'static str,
    operation: &'static str,
    left: Decimal,
    right: Decimal,
    compute: impl Fn(Decimal, Decimal) -> Option<Decimal>,
) -> Result<Decimal, MoneyError> {
    compute(left, right)
        .or_else(|| compute(left.normalize(), right.normalize()))
        .map(|result| result.normalize())
        .ok_or(MoneyError::Overflow {
            what,
            operation,
            left,
            right,
        })
}

fn round(value: Decimal, step: Decimal, direction: Rounding) -> Option<Decimal> {
    if step.is_zero() {
        return Some(value);
    }
    let strategy = match direction {
        Rounding::Down => RoundingStrategy::ToNegativeInfinity,
        Rounding::Up => RoundingStrategy::ToPositiveInfinity,
        Rounding::NearestEven => RoundingStrategy::MidpointNearestEven,
    };
    let steps = value.checked_div(step)?.round_dp_with_strategy(0, strategy);
    steps.checked_mul(step)
}

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Decimal);

        impl $name {
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// # Errors
            /// [`MoneyError::Negative`] when `value` is below zero.
            pub fn new(value: Decimal) -> Result<Self, MoneyError> {
                if value.is_sign_negative() && !value.is_zero() {
                    return Err(MoneyError::Negative { what: $what, value });
                }
                Ok(Self(value))
            }

            #[must_use]
            pub const fn value(self) -> Decimal {
                self.0
            }

            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// # Errors
            /// [`MoneyError::Overflow`].
            pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
                self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow {
                    what: $what, operation: "+", left: self.0, right: other.0,
                })
            }

            /// # Errors
            /// [`MoneyError::Negative`] when `other` is larger, [`MoneyError::Overflow`].
            pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
                let value = self.0.checked_sub(other.0).ok_or(MoneyError::Overflow {
                    what: $what, operation: "-", left: self.0, right: other.0,
                })?;
                Self::new(value)
            }

            /// The larger of zero and `self - other`.
            #[must_use]
            pub fn saturating_sub(self, other: Self) -> Self {
                self.checked_sub(other).unwrap_or_default()
            }

            /// The multiple of `step` next to this amount in the named direction; a zero `step` means
            /// that there is no grid and leaves the amount as it is.
            ///
            /// # Errors
            /// [`MoneyError::Overflow`].
            pub fn round_to(self, step: Self, direction: Rounding) -> Result<Self, MoneyError> {
                round(self.0, step.0, direction).map(Self).ok_or(MoneyError::Overflow {
                    what: $what, operation: "rounded to", left: self.0, right: step.0,
                })
            }

            /// Whether the amount is a multiple of `step` (a zero `step` accepts all).
            #[must_use]
            pub fn is_multiple_of(self, step: Self) -> bool {
                step.is_zero() || self.0.checked_rem(step.0).is_some_and(|rest| rest.is_zero())
            }
        }

        impl FromStr for $name {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                Self::new(parse_decimal($what, text)?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a ", $what, " as a decimal in quotes, such as \"0.001\""))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

amount!(
    /// Quote asset per unit of base asset, zero or more.
    Price, "price"
);
amount!(
    /// Units of the base asset, zero or more.
    Quantity, "quantity"
);
amount!(
    /// Units of the quote asset, zero or more: price times quantity.
    Notional, "notional"
);

impl Price {
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn notional(self, quantity: Quantity) -> Result<Notional, MoneyError> {
        self.0
            .checked_mul(quantity.0)
            .map(Notional)
            .ok_or(MoneyError::Overflow {
                what: "notional",
                operation: "*",
                left: self.0,
                right: quantity.0,
            })
    }

    /// The arithmetic mean of two prices, exact but not on the tick grid.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn mean(self, other: Self) -> Result<Self, MoneyError> {
        let sum = self.checked_add(other)?;
        Ok(Self(sum.0 / Decimal::TWO))
    }
}

impl Notional {
    /// The average price at which `quantity` made this notional; `None` for a zero quantity.
    #[must_use]
    pub fn average_price(self, quantity: Quantity) -> Option<Price> {
        self.0.checked_div(quantity.0).map(Price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    #[test]
    fn exponents_signs_and_blanks_are_refused() {
        for text in [
            "1e-7", "", " 1", "1 ", "+1", ".5", "5.", "1.2.3", "NaN", "--1", "-",
        ] {
            assert!(
                text.parse::<Price>().is_err(),
                "{text:?} was taken for a price"
            );
        }
        assert_eq!(
            "-1".parse::<Quantity>(),
            Err(MoneyError::Negative {
                what: "quantity",
                value: Decimal::NEGATIVE_ONE
            })
        );
    }

    #[test]
    fn more_digits_than_the_decimal_holds_are_refused_instead_of_rounded() {
        assert!(
            "0.12345678901234567890123456789012345"
                .parse::<Price>()
                .is_err()
        );
        assert_eq!(
            price("0.1234567890123456789").to_string(),
            "0.1234567890123456789"
        );
    }

    #[test]
    fn rounding_goes_the_way_it_is_told() {
        let tick = price("0.05");
        assert_eq!(
            price("10.07").round_to(tick, Rounding::Down),
            Ok(price("10.05"))
        );
        assert_eq!(
            price("10.07").round_to(tick, Rounding::Up),
            Ok(price("10.10"))
        );
        assert_eq!(
            price("10.125").round_to(tick, Rounding::NearestEven),
            Ok(price("10.10"))
        );
        assert_eq!(
            price("10.07").round_to(Price::ZERO, Rounding::Up),
            Ok(price("10.07"))
        );
    }

    #[test]
    fn overflow_is_an_error_and_not_a_panic() {
        let huge = Price::new(Decimal::MAX).unwrap();
        assert!(huge.checked_add(price("1")).is_err());
        assert!(huge.notional("2".parse().unwrap()).is_err());
    }

    #[test]
    fn an_exact_result_has_no_trailing_zeros_and_is_never_rounded() {
        let decimal = |text: &str| parse_decimal("decimal", text).unwrap();
        let sum = |left, right| exact_sum("sum", decimal(left), decimal(right));
        let product = |left, right| exact_product("product", decimal(left), decimal(right));
        assert_eq!(sum("0.10", "-0.1").unwrap().to_string(), "0");
        assert_eq!(product("1.50", "2").unwrap().to_string(), "3");
        let most = "79228162514264337593543950335";
        assert!(sum(most, "0.1").is_err(), "Decimal rounds this one");
        assert_eq!(sum(most, "0.0000"), Ok(decimal(most)));
        assert!(product("0.00000000000001", "0.000000000000001").is_err());
        assert!(product("1234567890123456.1", "12345678901234.1").is_err());
    }

    /// Of any size and scale, small ones more often.
    fn any_decimal() -> impl Strategy<Value = Decimal> {
        let mantissa = prop_oneof![
            (-20i128..20).boxed(),
            (-(1i128 << 50)..1i128 << 50).boxed(),
            (-(1i128 << 96) + 1..1i128 << 96).boxed(),
        ];
        (mantissa, 0u32..=28).prop_map(|(mantissa, scale)| {
            Decimal::try_from_i128_with_scale(mantissa, scale).unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_rounded_price_is_on_the_grid_and_within_one_tick(cents in 0u64..1_000_000_000, tick in 1u64..5_000) {
            let value = Price::new(Decimal::new(cents as i64, 4)).unwrap();
            let step = Price::new(Decimal::new(tick as i64, 3)).unwrap();
            let down = value.round_to(step, Rounding::Down).unwrap();
            let up = value.round_to(step, Rounding::Up).unwrap();
            prop_assert!(down.is_multiple_of(step) && up.is_multiple_of(step));
            prop_assert!(down <= value && value <= up && up.saturating_sub(down) <= step);
        }

        #[test]
        fn an_exact_result_is_the_mathematical_one_or_an_error(
            left in any_decimal(), right in any_decimal(),
        ) {
            let power = |exponent: u32| 10i128.checked_pow(exponent);
            let scaled = |value: Decimal, scale: u32| match value.mantissa() {
                0 => Some(0),
                mantissa => power(scale - value.scale())?.checked_mul(mantissa),
            };
            let fits = |mantissa: i128| Decimal::try_from_i128_with_scale(mantissa, 0).is_ok();
            // Equal as fractions: mantissa / 10^scale.
            let same = |found: Decimal, mantissa: i128, scale: u32| match scaled(found, scale) {
                Some(found) => found == mantissa,
                None => false,
            };
            let scale = left.scale().max(right.scale());
            let sum = scaled(left, scale).zip(scaled(right, scale)).and_then(|(l, r)| l.checked_add(r));
            match (exact_sum("sum", left, right), sum) {
                (Ok(found), Some(sum)) => prop_assert!(same(found, sum, scale), "{left} + {right} is not {found}"),
                (Err(_), Some(sum)) => prop_assert!(!fits(sum), "{left} + {right} fits"),
                (_, None) => {}
            }
            let product = left.mantissa().checked_mul(right.mantissa());
            let scale = left.scale() + right.scale();
            match (exact_product("product", left, right), product) {
                (Ok(found), Some(product)) => {
                    prop_assert!(same(found, product, scale), "{left} * {right} is not {found}");
                }
                (Err(_), Some(product)) => {
                    prop_assert!(!fits(product) || scale > 28, "{left} * {right} fits");
                }
                (found, None) => prop_assert!(found.is_err(), "{left} * {right} was rounded to {found:?}"),
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = text.parse::<Notional>();
        }
    }
}
