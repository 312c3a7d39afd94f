//! Good messages spoilt, for the property that no decoder panics.

use proptest::prelude::*;

/// What stands where another value was expected.
const WORDS: [&str; 9] = [
    "null",
    "-1",
    "18446744073709551615",
    "9223372036854775807",
    "\"79228162514264337593543950335\"",
    "\"0.0000000000000000000000000001\"",
    "\"\"",
    "[]",
    "1e400",
];

/// The text with what stands after its `at`-th colon or bracket replaced by a word.
fn with_word(text: &str, at: usize, word: &str) -> String {
    let places: Vec<usize> = text
        .match_indices([':', '['])
        .map(|(at, _)| at + 1)
        .collect();
    let Some(from) = places.get(at % places.len().max(1)) else {
        return text.to_owned();
    };
    let rest = &text[*from..];
    let length = rest.find([',', '}', ']']).unwrap_or(rest.len());
    format!("{}{word}{}", &text[..*from], &rest[length..])
}

/// One of the texts with some values replaced, some bytes changed and perhaps its end cut off.
pub(crate) fn spoilt(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let words = proptest::collection::vec((0usize..200, 0..WORDS.len()), 0..3);
    let bytes = proptest::collection::vec((0usize..4_000, any::<u8>()), 0..3);
    let cut = prop_oneof![3 => Just(usize::MAX), 1 => 0usize..2_000];
    (0..texts.len(), words, bytes, cut).prop_map(|(index, words, bytes, cut)| {
        let mut text = texts[index].to_owned();
        for (at, word) in words {
            text = with_word(&text, at, WORDS[word]);
        }
        let mut raw = text.into_bytes();
        for (at, byte) in bytes {
            let at = at % raw.len();
            raw[at] = byte;
        }
        raw.truncate(cut);
        String::from_utf8_lossy(&raw).into_owned()
    })
}
