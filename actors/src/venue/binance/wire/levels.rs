//! Price levels of a book as Binance writes them.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tripline_engine::messages::market::Level;

/// `[["price","quantity"], …]`; anything behind the two is passed over.
///
/// # Errors
/// When an element is no such pair.
pub(super) fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Level>, D::Error> {
    struct Pair(Level);

    impl<'de> Deserialize<'de> for Pair {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct PairVisitor;
            impl<'de> Visitor<'de> for PairVisitor {
                type Value = Pair;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a level [\"price\",\"quantity\"]")
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Pair, A::Error> {
                    let price = pair
                        .next_element()?
                        .ok_or_else(|| de::Error::invalid_length(0, &self))?;
                    let quantity = pair
                        .next_element()?
                        .ok_or_else(|| de::Error::invalid_length(1, &self))?;
                    while pair.next_element::<de::IgnoredAny>()?.is_some() {}
                    Ok(Pair(Level { price, quantity }))
                }
            }
            deserializer.deserialize_seq(PairVisitor)
        }
    }

    struct LevelsVisitor;
    impl<'de> Visitor<'de> for LevelsVisitor {
        type Value = Vec<Level>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of levels [\"price\",\"quantity\"]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Level>, A::Error> {
            let mut levels = Vec::with_capacity(16);
            while let Some(Pair(level)) = list.next_element()? {
                levels.push(level);
            }
            Ok(levels)
        }
    }
    deserializer.deserialize_seq(LevelsVisitor)
}
