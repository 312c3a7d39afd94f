//! Who asks, and whether in time (Binance Spot API docs, "Endpoint security type" and "Timing security").

use std::rc::Rc;

use tripline_engine::ids::AccountId;

use crate::core::{Core, Key};
use crate::wire::signature::{SignedForm, sorted_payload};
use crate::wire::{ApiError, Params};

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Anyone.
    None,
    /// A signature of a key that may trade.
    Trade,
    /// A signature.
    UserData,
}

/// How a caller identified itself.
pub enum Credentials<'a> {
    /// REST: the key header, and what was signed.
    Header {
        api_key: Option<&'a str>,
        form: SignedForm,
    },
    /// WebSocket API: the key is a parameter, or the session is logged on.
    Session { logged_on: Option<&'a str> },
}

/// 2017-01-01, before which no timestamp is valid.
const EARLIEST_US: i64 = 1_483_228_800_000_000;

/// The account that signed the request.
///
/// # Errors
/// -2014, -2015, -1102, -1022, -1021, as documented.
pub fn authenticate(
    core: &Core,
    security: Security,
    params: &Params,
    credentials: &Credentials<'_>,
    now_us: i64,
) -> Result<Option<AccountId>, ApiError> {
    if security == Security::None {
        return Ok(None);
    }
    let key = match credentials {
        Credentials::Header { api_key, form } => {
            let key = find_key(core, *api_key)?;
            params.required("timestamp")?;
            let signature = form.signature.as_deref().filter(|text| !text.is_empty());
            let signature = signature.ok_or_else(|| ApiError::mandatory("signature"))?;
            verify(key, form.payload.as_bytes(), signature)?
        }
        Credentials::Session { logged_on } => match (params.get("apiKey"), logged_on) {
            (None, Some(api_key)) => find_key(core, Some(api_key))?,
            (None, None) => return Err(ApiError::mandatory("apiKey")),
            (Some(api_key), _) => signed(core, params, api_key)?,
        },
    };
    check_timing(params, now_us)?;
    if security == Security::Trade && !key.trading {
        return Err(ApiError::key_refused());
    }
    Ok(Some(key.account))
}

/// The key that signed a WebSocket API request's own parameters.
///
/// # Errors
/// -2014, -2015, -1102, -1022.
pub fn signed(core: &Core, params: &Params, api_key: &str) -> Result<Rc<Key>, ApiError> {
    let key = find_key(core, Some(api_key))?;
    params.required("timestamp")?;
    let signature = params.required("signature")?;
    verify(key, sorted_payload(params).as_bytes(), signature)
}

fn verify(key: Rc<Key>, payload: &[u8], signature: &str) -> Result<Rc<Key>, ApiError> {
    if key.verifier.verifies(payload, signature) {
        Ok(key)
    } else {
        Err(ApiError::bad_signature())
    }
}

/// # Errors
/// -2014 for no key or one with characters or a length that no key has, -2015 for an unknown one.
pub fn find_key(core: &Core, api_key: Option<&str>) -> Result<Rc<Key>, ApiError> {
    let text = api_key
        .filter(|text| !text.is_empty())
        .ok_or_else(ApiError::key_format)?;
    if let Some(key) = core.keys.borrow().get(text) {
        return Ok(Rc::clone(key));
    }
    let plausible = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Err(if plausible {
        ApiError::key_refused()
    } else {
        ApiError::key_format()
    })
}

/// `timestamp < now + 1 s` and `now - timestamp <= recvWindow`.
///
/// # Errors
/// -1021, -1102, -1100, and -1131 for a window above a minute.
pub fn check_timing(params: &Params, now_us: i64) -> Result<(), ApiError> {
    let window_us = match params.decimal("recvWindow")? {
        None => 5_000_000,
        Some(ms) => {
            let most = rust_decimal::Decimal::from(60_000);
            if ms > most {
                return Err(ApiError::new(-1131, "recvWindow must be less than 60000"));
            }
            let us = (ms * rust_decimal::Decimal::ONE_THOUSAND).trunc();
            i64::try_from(us).map_err(|_| ApiError::illegal("recvWindow", "0 to 60000"))?
        }
    };
    let timestamp = params
        .time_us("timestamp")?
        .ok_or_else(|| ApiError::mandatory("timestamp"))?;
    if timestamp < EARLIEST_US {
        return Err(ApiError::mandatory("timestamp"));
    }
    if timestamp >= now_us + 1_000_000 {
        return Err(ApiError::ahead_of_time());
    }
    if now_us - timestamp > window_us {
        return Err(ApiError::outside_window());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000_000;

    fn timing(timestamp: &str, window: &str) -> i32 {
        let query = format!("timestamp={timestamp}&recvWindow={window}");
        let params = Params::from_form(&query, "").unwrap();
        check_timing(&params, NOW).map_or_else(|error| error.code, |()| 0)
    }

    #[test]
    fn the_timing_rule_holds_to_the_microsecond() {
        assert_eq!(timing("1790000000000", "5000"), 0);
        assert_eq!(timing("1790000000999999", "5000"), 0);
        assert_eq!(
            timing("1790000001000", "5000"),
            -1021,
            "a whole second ahead"
        );
        assert_eq!(timing("1789999995000", "5000"), 0, "just within the window");
        assert_eq!(timing("1789999994999999", "5000"), -1021);
        assert_eq!(
            timing("1789999999999500", "0.5"),
            0,
            "windows have three decimals"
        );
        assert_eq!(timing("1789999999999499", "0.5"), -1021);
    }

    #[test]
    fn windows_above_a_minute_and_times_before_2017_are_refused() {
        assert_eq!(timing("1790000000000", "60001"), -1131);
        assert_eq!(timing("1400000000000", "5000"), -1102);
        assert_eq!(timing("17e9", "5000"), -1100);
    }
}
