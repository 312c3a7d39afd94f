//! `exchangeInfo` as instruments. Statuses, order types, modes and filters grow with every year: what is
//! not known closes the symbol (status), is left out (types, modes), or is left to the venue (filters).

use rust_decimal::Decimal;
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use tripline_engine::ids::{Asset, Symbol};
use tripline_engine::instrument::{
    Filters, Instrument, LotSize, NotionalRange, PercentPrice, PriceFilter, TradingStatus,
};
use tripline_engine::money::{Notional, Price, Quantity};
use tripline_engine::order::{OrderType, SelfTradePrevention};

use super::decode::{DecodeError, from_json};
use super::order::decimal;
use crate::venue::binance::limits::RateLimit;

const WHAT: &str = "exchange info";

/// What of `exchangeInfo` is used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeInfo {
    pub rate_limits: Vec<RateLimit>,
    pub instruments: Vec<Instrument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InfoJson<'a> {
    #[serde(default)]
    rate_limits: Vec<RateLimit>,
    #[serde(borrow)]
    symbols: Vec<SymbolJson<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SymbolJson<'a> {
    symbol: Symbol,
    status: String,
    base_asset: Asset,
    base_asset_precision: u32,
    quote_asset: Asset,
    /// Replaces `quotePrecision`, which old answers have alone.
    quote_asset_precision: Option<u32>,
    quote_precision: Option<u32>,
    order_types: Vec<String>,
    is_spot_trading_allowed: Option<bool>,
    #[serde(default)]
    cancel_replace_allowed: bool,
    #[serde(default)]
    amend_allowed: bool,
    #[serde(borrow)]
    filters: Vec<&'a RawValue>,
    default_self_trade_prevention_mode: Option<String>,
    #[serde(default)]
    allowed_self_trade_prevention_modes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceJson {
    min_price: Price,
    max_price: Price,
    tick_size: Price,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LotJson {
    min_qty: Quantity,
    max_qty: Quantity,
    step_size: Quantity,
}

impl From<LotJson> for LotSize {
    fn from(lot: LotJson) -> Self {
        Self {
            min: lot.min_qty,
            max: lot.max_qty,
            step: lot.step_size,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PercentJson {
    #[serde(deserialize_with = "decimal")]
    multiplier_up: Decimal,
    #[serde(deserialize_with = "decimal")]
    multiplier_down: Decimal,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BySideJson {
    #[serde(deserialize_with = "decimal")]
    bid_multiplier_up: Decimal,
    #[serde(deserialize_with = "decimal")]
    bid_multiplier_down: Decimal,
    #[serde(deserialize_with = "decimal")]
    ask_multiplier_up: Decimal,
    #[serde(deserialize_with = "decimal")]
    ask_multiplier_down: Decimal,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MinNotionalJson {
    min_notional: Notional,
    apply_to_market: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NotionalJson {
    min_notional: Notional,
    apply_min_to_market: bool,
    max_notional: Notional,
    apply_max_to_market: bool,
}

impl From<MinNotionalJson> for NotionalRange {
    fn from(row: MinNotionalJson) -> Self {
        Self {
            min: row.min_notional,
            apply_min_to_market: row.apply_to_market,
            max: None,
            apply_max_to_market: false,
        }
    }
}

impl From<NotionalJson> for NotionalRange {
    fn from(row: NotionalJson) -> Self {
        Self {
            min: row.min_notional,
            apply_min_to_market: row.apply_min_to_market,
            max: Some(row.max_notional),
            apply_max_to_market: row.apply_max_to_market,
        }
    }
}

/// The filters with one number each, under Binance's names of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountJson {
    #[serde(
        alias = "maxNumOrders",
        alias = "maxNumAlgoOrders",
        alias = "maxNumOrderAmends"
    )]
    limit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PositionJson {
    max_position: Quantity,
}

/// Reads `exchangeInfo`.
///
/// # Errors
/// [`DecodeError`] for another structure, also of a filter that is known.
pub fn exchange_info(text: &str) -> Result<ExchangeInfo, DecodeError> {
    let info: InfoJson<'_> =
        serde_json::from_str(text).map_err(|error| DecodeError::json(WHAT, &error, text))?;
    let instruments = info
        .symbols
        .into_iter()
        .map(instrument)
        .collect::<Result<_, _>>()?;
    Ok(ExchangeInfo {
        rate_limits: info.rate_limits,
        instruments,
    })
}

fn instrument(symbol: SymbolJson<'_>) -> Result<Instrument, DecodeError> {
    let name = symbol.symbol.as_str();
    let precision = symbol.quote_asset_precision.or(symbol.quote_precision);
    let quote_precision = precision.ok_or_else(|| {
        let error = de::Error::custom("missing field `quoteAssetPrecision`");
        DecodeError::json(WHAT, &error, name)
    })?;
    let status = match symbol.status.as_str() {
        "TRADING" if symbol.is_spot_trading_allowed != Some(false) => TradingStatus::Trading,
        "CANCEL_ONLY" => TradingStatus::CancelOnly,
        _ => TradingStatus::Closed,
    };
    let modes = &symbol.allowed_self_trade_prevention_modes;
    let default_mode = symbol.default_self_trade_prevention_mode.as_deref();
    Ok(Instrument {
        symbol: symbol.symbol,
        base: symbol.base_asset,
        quote: symbol.quote_asset,
        status,
        base_precision: symbol.base_asset_precision,
        quote_precision,
        order_types: symbol
            .order_types
            .iter()
            .filter_map(|word| OrderType::from_word(word))
            .collect(),
        default_self_trade_prevention: default_mode.and_then(SelfTradePrevention::from_word),
        self_trade_prevention: modes
            .iter()
            .filter_map(|word| SelfTradePrevention::from_word(word))
            .collect(),
        amend_allowed: symbol.amend_allowed,
        cancel_replace_allowed: symbol.cancel_replace_allowed,
        filters: filters(&symbol.filters)?,
    })
}

fn filters(rows: &[&RawValue]) -> Result<Filters, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Name {
        filter_type: String,
    }
    let mut filters = Filters::default();
    for row in rows {
        let text = row.get();
        let Name { filter_type } = from_json(WHAT, text)?;
        match filter_type.as_str() {
            "PRICE_FILTER" => {
                let row: PriceJson = from_json(WHAT, text)?;
                filters.price = Some(PriceFilter {
                    min: row.min_price,
                    max: row.max_price,
                    tick: row.tick_size,
                });
            }
            "LOT_SIZE" => filters.lot_size = Some(from_json::<LotJson>(WHAT, text)?.into()),
            "MARKET_LOT_SIZE" => {
                filters.market_lot_size = Some(from_json::<LotJson>(WHAT, text)?.into())
            }
            "PERCENT_PRICE" => {
                let row: PercentJson = from_json(WHAT, text)?;
                filters.percent_price = Some(PercentPrice {
                    up: row.multiplier_up,
                    down: row.multiplier_down,
                });
            }
            "PERCENT_PRICE_BY_SIDE" => {
                let row: BySideJson = from_json(WHAT, text)?;
                filters.percent_price_bid = Some(PercentPrice {
                    up: row.bid_multiplier_up,
                    down: row.bid_multiplier_down,
                });
                filters.percent_price_ask = Some(PercentPrice {
                    up: row.ask_multiplier_up,
                    down: row.ask_multiplier_down,
                });
            }
            "MIN_NOTIONAL" => {
                filters.min_notional = Some(from_json::<MinNotionalJson>(WHAT, text)?.into());
            }
            "NOTIONAL" => filters.notional = Some(from_json::<NotionalJson>(WHAT, text)?.into()),
            "MAX_NUM_ORDERS" => {
                filters.max_num_orders = Some(from_json::<CountJson>(WHAT, text)?.limit)
            }
            "MAX_NUM_ALGO_ORDERS" => {
                filters.max_num_algo_orders = Some(from_json::<CountJson>(WHAT, text)?.limit);
            }
            "MAX_NUM_ORDER_AMENDS" => {
                filters.max_num_order_amends = Some(from_json::<CountJson>(WHAT, text)?.limit);
            }
            "MAX_POSITION" => {
                filters.max_position = Some(from_json::<PositionJson>(WHAT, text)?.max_position);
            }
            _ => filters.left_to_venue.push(filter_type),
        }
    }
    Ok(filters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = r#"{"timezone":"UTC","serverTime":1790000000000,"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100}],"exchangeFilters":[],"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS","ICE_LIMIT"],"icebergAllowed":true,"cancelReplaceAllowed":true,"amendAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"},{"filterType":"ICEBERG_PARTS","limit":100},{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"100.00000000","stepSize":"0.00000000"},{"filterType":"TRAILING_DELTA","minTrailingAboveDelta":10,"maxTrailingAboveDelta":2000,"minTrailingBelowDelta":10,"maxTrailingBelowDelta":2000},{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2","askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5},{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5},{"filterType":"MAX_NUM_ORDER_AMENDS","maxNumOrderAmends":10},{"filterType":"T_PLUS_SELL","days":1}],"permissions":[],"permissionSets":[["SPOT","TRD_GRP_261"]],"defaultSelfTradePreventionMode":"EXPIRE_MAKER","allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","NEW_MODE"]}]}"#;

    #[test]
    fn every_filter_is_taken_over_or_left_to_the_venue_by_name() {
        let info = exchange_info(INFO).unwrap();
        let instrument = &info.instruments[0];
        let filters = &instrument.filters;
        assert_eq!(instrument.tick().to_string(), "0.01000000");
        assert_eq!(instrument.lot().to_string(), "0.00001000");
        assert_eq!(
            filters.market_lot_size.unwrap().max.to_string(),
            "100.00000000"
        );
        assert_eq!(
            filters.percent_price_ask.unwrap().down,
            "0.2".parse().unwrap()
        );
        assert_eq!(filters.notional.unwrap().min.to_string(), "5.00000000");
        let counts = (
            filters.max_num_orders,
            filters.max_num_algo_orders,
            filters.max_num_order_amends,
        );
        assert_eq!(counts, (Some(200), Some(5), Some(10)));
        assert_eq!(
            filters.left_to_venue,
            ["ICEBERG_PARTS", "TRAILING_DELTA", "T_PLUS_SELL"]
        );
        assert_eq!(info.rate_limits[0].limit, 100);
    }

    #[test]
    fn words_that_are_not_known_close_the_symbol_or_are_left_out() {
        let read = |text: &str| exchange_info(text).unwrap().instruments.remove(0);
        let instrument = read(INFO);
        assert_eq!(instrument.status, TradingStatus::Trading);
        assert_eq!(instrument.order_types.len(), 4);
        assert_eq!(instrument.self_trade_prevention.len(), 2);
        assert_eq!(
            instrument.default_self_trade_prevention,
            Some(SelfTradePrevention::ExpireMaker)
        );
        for (status, expected) in [
            ("CANCEL_ONLY", TradingStatus::CancelOnly),
            ("BREAK", TradingStatus::Closed),
            ("A_STATUS_OF_TOMORROW", TradingStatus::Closed),
        ] {
            assert_eq!(
                read(&INFO.replace("\"TRADING\"", &format!("\"{status}\""))).status,
                expected
            );
        }
    }

    #[test]
    fn a_known_filter_with_another_structure_is_refused() {
        for (from, to) in [
            ("\"tickSize\":\"0.01000000\"", "\"tickSize\":0.01"),
            ("\"stepSize\":\"0.00001000\"", "\"step\":\"0.00001000\""),
            ("\"maxNumOrders\":200", "\"maxNumOrders\":\"200\""),
            ("\"filterType\":\"LOT_SIZE\"", "\"filter\":\"LOT_SIZE\""),
        ] {
            let text = INFO.replace(from, to);
            assert_ne!(text, INFO);
            assert!(exchange_info(&text).is_err(), "{to}");
        }
    }
}
