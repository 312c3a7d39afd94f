//! How a position is shown, in one line and as JSON.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Position;
use crate::money::{MoneyError, Price};

/// Decimals that people are shown; JSON has all of them.
const SHOWN: u32 = 8;

/// A position held against a mark price, with what follows from the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Valued {
    #[serde(flatten)]
    pub position: Position,
    /// Rounded to 8 decimals; `None` while flat.
    pub average_price: Option<Price>,
    pub mark: Option<Price>,
    /// At the mark, quote asset.
    pub unrealised: Option<Decimal>,
}

impl Position {
    /// The position at a mark price, to be shown; without one, where none is known.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn valued(&self, mark: Option<Price>) -> Result<Valued, MoneyError> {
        let unrealised = mark.map(|mark| self.unrealised(mark)).transpose()?;
        Ok(Valued {
            position: self.clone(),
            average_price: self.average_price().map(shown_price),
            mark,
            unrealised,
        })
    }

    fn line(&self, unrealised: Option<Decimal>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.pair.symbol)?;
        match self.average_price() {
            Some(price) => write!(f, "{:+} @ {}", self.net.normalize(), shown_price(price))?,
            None => f.write_str("0")?,
        }
        let quote = self.pair.quote;
        write!(f, " realised {:+} {quote}", amount(self.realised))?;
        if let Some(unrealised) = unrealised {
            write!(f, " unrealised {:+} {quote}", amount(unrealised))?;
        }
        for (nth, (asset, fee)) in self.fees.iter().enumerate() {
            let before = if nth == 0 { " fees" } else { "," };
            write!(f, "{before} {} {asset}", fee.normalize())?;
        }
        Ok(())
    }
}

fn shown_price(price: Price) -> Price {
    let shown = price.value().round_dp(SHOWN).normalize();
    Price::new(shown).unwrap_or(price)
}

/// As money is written: with two decimals at least.
fn amount(value: Decimal) -> Decimal {
    let mut shown = value.round_dp(SHOWN).normalize();
    if shown.scale() < 2 {
        shown.rescale(2);
    }
    shown
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(None, f)
    }
}

impl fmt::Display for Valued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.position.line(self.unrealised, f)
    }
}
