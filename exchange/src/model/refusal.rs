//! Refusals: a code and the exact text of the venue (Binance spot errors).

use std::borrow::Cow;

use thiserror::Error;

use super::terms::RejectReason;

/// A request that the exchange did not carry out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code} {message}")]
pub struct Refusal {
    /// The venue's code, such as -2010.
    pub code: i32,
    /// The venue's text, to be sent as it is.
    pub message: Cow<'static, str>,
    /// Set when the matching engine (not a check before it) rejected the order: then the user stream
    /// carries a REJECTED report too.
    pub reject_reason: RejectReason,
}

impl Refusal {
    #[must_use]
    pub const fn fixed(code: i32, message: &'static str) -> Self {
        Self {
            code,
            message: Cow::Borrowed(message),
            reject_reason: RejectReason::None,
        }
    }

    fn written(code: i32, message: String) -> Self {
        Self {
            code,
            message: Cow::Owned(message),
            reject_reason: RejectReason::None,
        }
    }

    const fn by_engine(message: &'static str, reason: RejectReason) -> Self {
        Self {
            code: -2010,
            message: Cow::Borrowed(message),
            reject_reason: reason,
        }
    }

    /// -1013, naming the filter such as `LOT_SIZE`.
    #[must_use]
    pub fn filter(name: &str) -> Self {
        Self::written(-1013, format!("Filter failure: {name}"))
    }

    /// -1102: a parameter that the order type needs is missing.
    #[must_use]
    pub fn mandatory(parameter: &str) -> Self {
        Self::written(
            -1102,
            format!(
                "Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."
            ),
        )
    }

    /// -1106: a parameter that the order type does not take was sent.
    #[must_use]
    pub fn not_required(parameter: &str) -> Self {
        Self::written(
            -1106,
            format!("Parameter '{parameter}' sent when not required."),
        )
    }

    /// -1111: more decimals than the asset has.
    #[must_use]
    pub fn precision(parameter: &str) -> Self {
        Self::written(
            -1111,
            format!("Parameter '{parameter}' has too much precision."),
        )
    }

    /// -1102: neither of the two ways to name an order was used.
    #[must_use]
    pub fn no_order_named(client: &str, number: &str) -> Self {
        Self::written(
            -1102,
            format!("Param '{client}' or '{number}' must be sent, but both were empty/null!"),
        )
    }

    /// -2010 with one of the engine's messages of the form "... are not supported for this symbol.".
    #[must_use]
    pub fn unsupported(what: &str) -> Self {
        Self::written(
            -2010,
            format!("{what} orders are not supported for this symbol."),
        )
    }

    pub const INVALID_SYMBOL: Self = Self::fixed(-1121, "Invalid symbol.");
    pub const UNAUTHORIZED: Self =
        Self::fixed(-2015, "Invalid API-key, IP, or permissions for action.");
    pub const MARKET_CLOSED: Self = Self::fixed(-1013, "Market is closed.");
    pub const SELF_TRADE_MODE: Self = Self::fixed(
        -1013,
        "This symbol does not allow the specified self-trade prevention mode.",
    );
    pub const STRATEGY_TYPE: Self = Self::fixed(-1134, "strategyType was less than 1000000.");
    pub const ACCOUNT_DISABLED: Self =
        Self::fixed(-2010, "This action is disabled on this account.");
    pub const DUPLICATE: Self = Self::fixed(-2010, "Duplicate order sent.");
    pub const ZERO_NOTIONAL: Self = Self::fixed(-2010, "Price * QTY is zero or less.");
    pub const QUOTE_ORDER_QTY: Self = Self::fixed(
        -2010,
        "Quote order qty market orders are not support for this symbol.",
    );
    pub const CANCEL_REPLACE: Self = Self::fixed(
        -2010,
        "Order cancel-replace is not supported for this symbol.",
    );
    pub const ICEBERG_EXCEEDS: Self = Self::fixed(-2010, "IcebergQty exceeds QTY.");
    pub const LITTLE_LIQUIDITY: Self = Self::fixed(
        -2010,
        "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.",
    );
    pub const LITTLE_MARKET_LIQUIDITY: Self = Self::fixed(
        -2010,
        "Order book liquidity is less than `MARKET_LOT_SIZE` filter minimum quantity.",
    );
    pub const INSUFFICIENT_BALANCE: Self = Self::by_engine(
        "Account has insufficient balance for requested action.",
        RejectReason::InsufficientBalances,
    );
    pub const WOULD_TRIGGER: Self = Self::by_engine(
        "Order would trigger immediately.",
        RejectReason::StopPriceWouldTriggerImmediately,
    );
    pub const WOULD_MATCH: Self = Self::by_engine(
        "Order would immediately match and take.",
        RejectReason::WouldMatchImmediately,
    );
    pub const UNKNOWN_ORDER: Self = Self::fixed(-2011, "Unknown order sent.");
    pub const CANCEL_RESTRICTED: Self =
        Self::fixed(-2011, "Order was not canceled due to cancel restrictions.");
    pub const NO_SUCH_ORDER: Self = Self::fixed(-2013, "Order does not exist.");
    pub const CLIENT_ID_MISMATCH: Self =
        Self::fixed(-2039, "Client order ID is not correct for this order ID.");
    pub const AMEND_UNSUPPORTED: Self =
        Self::fixed(-2038, "Order amend is not supported for this symbol.");
    pub const AMEND_INCREASE: Self =
        Self::fixed(-2038, "Order amend (quantity increase) is not supported.");
    pub const AMEND_NO_CHANGE: Self = Self::fixed(
        -2038,
        "The requested action would change no state; rejecting",
    );
    pub const AMEND_UNKNOWN: Self = Self::fixed(-2038, "Unknown order sent.");
    pub const AMEND_DUPLICATE: Self = Self::fixed(-2038, "Duplicate order sent.");
    pub const AMEND_COUNT: Self = Self::fixed(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS");
    pub const BAD_COMBINATION: Self =
        Self::fixed(-1128, "Combination of optional parameters invalid.");
    pub const RANGE_TOO_LONG: Self =
        Self::fixed(-1127, "More than 24 hours between startTime and endTime.");
}
