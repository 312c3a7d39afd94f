//! A request's parameters as text, wherever they came from: query, form body or JSON object.

use percent_encoding::percent_decode;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tripline_engine::ids::Symbol;

use super::error::ApiError;

const NUMBER: &str = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";
const INTEGER: &str = "^[0-9]{1,20}$";

/// 2200-01-01: with times up to here intervals can be calculated.
const LATEST_US: i64 = 7_258_118_400_000_000;

/// Names and values in the order in which they were sent, decoded.
#[derive(Debug, Clone, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

fn decode(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes())
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| ApiError::new(-1100, "Illegal characters found in a parameter."))
}

fn parse_form(raw: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(ApiError::new(
                -1101,
                format!("Duplicate values for a parameter detected: '{name}'."),
            ));
        }
        pairs.push((name, decode(value)?));
    }
    Ok(pairs)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

impl From<Vec<(String, String)>> for Params {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }
}

impl Params {
    /// The parameters of a REST request. When a name stands in both, the query's value wins.
    ///
    /// # Errors
    /// -1100 for bytes that are not UTF-8, -1101 for a name sent twice in one place.
    pub fn from_form(query: &str, body: &str) -> Result<Self, ApiError> {
        let mut pairs = parse_form(query)?;
        for (name, value) in parse_form(body)? {
            if !pairs.iter().any(|(known, _)| *known == name) {
                pairs.push((name, value));
            }
        }
        Ok(Self { pairs })
    }

    /// The parameters of a WebSocket API request; lists keep their JSON spelling, as in a REST query.
    pub fn from_json(object: &Map<String, Value>) -> Self {
        Self {
            pairs: object
                .iter()
                .map(|(name, value)| (name.clone(), text_of(value)))
                .collect(),
        }
    }

    /// The value, if it was sent and is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All but the signature.
    pub fn unsigned(&self) -> Vec<(String, String)> {
        let signed = |(name, _): &&(String, String)| name == "signature";
        self.pairs
            .iter()
            .filter(|pair| !signed(pair))
            .cloned()
            .collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// # Errors
    /// -1102 when the parameter is missing or empty.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::mandatory(name))
    }

    /// # Errors
    /// -1100 for anything but plain decimal digits with at most one point.
    pub fn decimal(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| {
            (1..=20).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole) || !digits(fraction) {
            return Err(ApiError::illegal(name, NUMBER));
        }
        let value = Decimal::from_str_exact(text);
        value.map(Some).map_err(|_| {
            ApiError::new(-1111, format!("Parameter '{name}' has too much precision."))
        })
    }

    /// A whole number of at most 20 digits.
    ///
    /// # Errors
    /// -1100 for anything else.
    pub fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let plain = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = if plain { text.parse().ok() } else { None };
        value
            .map(Some)
            .ok_or_else(|| ApiError::illegal(name, INTEGER))
    }

    /// A time in milliseconds, or in microseconds (16 digits), as microseconds; the far future is
    /// clamped.
    ///
    /// # Errors
    /// -1100 for anything else.
    pub fn time_us(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.integer(name)? else {
            return Ok(None);
        };
        let value = i64::try_from(value).map_err(|_| ApiError::illegal(name, INTEGER))?;
        let us = if value >= 10_i64.pow(15) {
            value
        } else {
            value * 1_000
        };
        Ok(Some(us.min(LATEST_US)))
    }

    /// `limit`, clamped to `most`.
    ///
    /// # Errors
    /// -1100 when malformed, -1130 for zero.
    pub fn limit(&self, default: usize, most: usize) -> Result<usize, ApiError> {
        match self.integer("limit")? {
            None => Ok(default),
            Some(0) => Err(ApiError::new(
                -1130,
                "Data sent for parameter 'limit' is not valid.",
            )),
            Some(value) => Ok(usize::try_from(value).unwrap_or(most).min(most)),
        }
    }

    /// `true` or `false` in any case.
    ///
    /// # Errors
    /// -1100 for anything else.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::illegal(name, "true,false")),
        }
    }

    /// A client order id: `^[a-zA-Z0-9-_]{1,36}$`.
    ///
    /// # Errors
    /// -1100 for anything else.
    pub fn client_id(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.len() > 36 || !text.bytes().all(legal) {
            return Err(ApiError::illegal(name, "^[a-zA-Z0-9-_]{1,36}$"));
        }
        Ok(Some(text))
    }

    /// `symbol`, spelled as the exchange spells it.
    ///
    /// # Errors
    /// -1102 when missing, -1100 for lower case and other characters.
    pub fn symbol(&self) -> Result<Symbol, ApiError> {
        let text = self.required("symbol")?;
        Symbol::new(text).map_err(|_| ApiError::illegal("symbol", "^[A-Z0-9-_.]{1,20}$"))
    }

    /// `symbols`, a JSON array of names.
    ///
    /// # Errors
    /// -1100 when it is no such array, -1151 for a name sent twice.
    pub fn symbols(&self) -> Result<Option<Vec<String>>, ApiError> {
        let names: Option<Vec<String>> = self.json("symbols")?;
        if let Some(names) = &names {
            for (at, name) in names.iter().enumerate() {
                if names.iter().skip(at + 1).any(|other| other == name) {
                    return Err(ApiError::new(
                        -1151,
                        "Symbol is present multiple times in the list.",
                    ));
                }
            }
        }
        Ok(names)
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let range = r#"^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$"#;
        serde_json::from_str(text)
            .map(Some)
            .map_err(|_| ApiError::illegal(name, range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_wins_over_the_body_and_a_name_twice_in_one_place_is_refused() {
        let params = Params::from_form("symbol=BTCUSDT&price=1", "price=2&quantity=3").unwrap();
        assert_eq!(
            (params.get("price"), params.get("quantity")),
            (Some("1"), Some("3"))
        );
        assert_eq!(Params::from_form("a=1&a=2", "").unwrap_err().code, -1101);
    }

    #[test]
    fn exponents_and_signs_are_illegal_characters() {
        for text in ["1e-7", "-1", ".5", "5.", "1,2", "0x1"] {
            let params = Params::from_form(&format!("price={text}"), "").unwrap();
            let error = params.decimal("price").unwrap_err();
            assert_eq!(error.code, -1100, "{text}");
            assert!(error.msg.contains("'price'"), "{error}");
        }
    }

    #[test]
    fn a_percent_encoded_list_and_a_json_list_are_the_same_symbols() {
        let form = Params::from_form("symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D", "").unwrap();
        let object = serde_json::json!({"symbols": ["BTCUSDT", "ETHUSDT"]});
        let json = Params::from_json(object.as_object().unwrap());
        assert_eq!(form.symbols(), json.symbols());
        let twice = Params::from_form("symbols=[\"A\",\"A\"]", "").unwrap();
        assert_eq!(twice.symbols().unwrap_err().code, -1151);
    }

    #[test]
    fn times_in_milliseconds_and_microseconds_mean_the_same() {
        let params = Params::from_form("a=1790000000000&b=1790000000000000", "").unwrap();
        assert_eq!(params.time_us("a"), params.time_us("b"));
    }
}
