//! Whatever became of an answer, no decoder panics on it.

use proptest::prelude::*;

use super::recorded_answers::read;
use super::spoilt;

/// A decoder, by its name in [`read`], and an answer for it.
const DECODERS: [&str; 11] = [
    "placed",
    "order",
    "amended",
    "orders",
    "canceled_all",
    "cancel_replaced",
    "account",
    "trades",
    "exchange_info",
    "klines",
    "depth",
];

const ANSWERS: [&str; 11] = [
    r#"{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"t-quoter-mf0q1zk0-1","transactTime":1790000000000,"price":"50000.00000000","origQty":"0.00200000","executedQty":"0.00100000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"50.00000000","status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000000,"fills":[{"price":"50000.00000000","qty":"0.00100000","commission":"0.00000100","commissionAsset":"BTC","tradeId":7}],"selfTradePreventionMode":"EXPIRE_MAKER"}"#,
    r#"{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":4,"orderListId":-1,"clientOrderId":"cancelMyOrder1","transactTime":1684804350068,"price":"2.00000000","origQty":"1.00000000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"BUY","selfTradePreventionMode":"NONE"}"#,
    r#"{"transactTime":1741923284382,"executionId":16,"amendedOrder":{"symbol":"BTCUSDT","orderId":12,"orderListId":-1,"origClientOrderId":"my_test_order1","clientOrderId":"4zR9HFcEq8gM1tWUqPEUHc","price":"5.00000000","qty":"5.00000000","executedQty":"0.00000000","preventedQty":"0.00000000","quoteOrderQty":"0.00000000","cumulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1741923284364,"selfTradePreventionMode":"NONE"}}"#,
    r#"[{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"t-quoter-mf0q1zk0-1","transactTime":1790000000000,"price":"50000.00000000","origQty":"0.00200000","executedQty":"0.00100000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"50.00000000","status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000000,"fills":[{"price":"50000.00000000","qty":"0.00100000","commission":"0.00000100","commissionAsset":"BTC","tradeId":7}],"selfTradePreventionMode":"EXPIRE_MAKER"}]"#,
    r#"[{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":4,"orderListId":-1,"clientOrderId":"cancelMyOrder1","transactTime":1684804350068,"price":"2.00000000","origQty":"1.00000000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"BUY","selfTradePreventionMode":"NONE"}]"#,
    r#"{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS","cancelResponse":{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":4,"orderListId":-1,"clientOrderId":"cancelMyOrder1","transactTime":1684804350068,"price":"2.00000000","origQty":"1.00000000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"BUY","selfTradePreventionMode":"NONE"},"newOrderResponse":{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"t-quoter-mf0q1zk0-1","transactTime":1790000000000,"price":"50000.00000000","origQty":"0.00200000","executedQty":"0.00100000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"50.00000000","status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000000,"fills":[{"price":"50000.00000000","qty":"0.00100000","commission":"0.00000100","commissionAsset":"BTC","tradeId":7}],"selfTradePreventionMode":"EXPIRE_MAKER"}}"#,
    r#"{"makerCommission":15,"commissionRates":{"maker":"0.00150000"},"canTrade":true,"accountType":"SPOT","balances":[{"asset":"BTC","free":"4723846.89208129","locked":"0.00000000"}],"permissions":["SPOT"],"uid":354937868}"#,
    r#"[{"symbol":"BTCUSDT","id":12,"orderId":464,"orderListId":-1,"price":"59000.00000000","qty":"0.01000000","quoteQty":"590.00000000","commission":"0.00001000","commissionAsset":"BTC","time":1790000000000,"isBuyer":true,"isMaker":true,"isBestMatch":true}]"#,
    r#"{"timezone":"UTC","serverTime":1790000000000,"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100}],"exchangeFilters":[],"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS","ICE_LIMIT"],"icebergAllowed":true,"cancelReplaceAllowed":true,"amendAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"},{"filterType":"ICEBERG_PARTS","limit":100},{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"100.00000000","stepSize":"0.00000000"},{"filterType":"TRAILING_DELTA","minTrailingAboveDelta":10,"maxTrailingAboveDelta":2000,"minTrailingBelowDelta":10,"maxTrailingBelowDelta":2000},{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2","askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5},{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5},{"filterType":"MAX_NUM_ORDER_AMENDS","maxNumOrderAmends":10},{"filterType":"T_PLUS_SELL","days":1}],"permissions":[],"permissionSets":[["SPOT","TRD_GRP_261"]],"defaultSelfTradePreventionMode":"EXPIRE_MAKER","allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","NEW_MODE"]}]}"#,
    r#"[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499040059999,"2434.19055334",308,"1756.87402397","28.46694368","0"]]"#,
    r#"{"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"]],"asks":[["4.00000200","12.00000000"]]}"#,
];

#[test]
fn each_decoder_reads_its_own_answer() {
    for (decoder, answer) in DECODERS.into_iter().zip(ANSWERS) {
        let read = read(decoder, answer);
        assert!(matches!(read, Ok(1..)), "{decoder}: {read:?}");
    }
}

proptest! {
    #[test]
    fn no_decoder_panics(text in spoilt(&ANSWERS)) {
        for decoder in DECODERS {
            drop(read(decoder, &text));
        }
    }
}
