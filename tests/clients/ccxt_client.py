"""Trades on the practice exchange with an unchanged ccxt.pro: REST with form bodies, streams, user data.

Usage: ccxt_client.py http://127.0.0.1:18080 [api_key secret]; ends with 0 when all went as it should.
"""

import asyncio
import json
import sys
import urllib.request

import ccxt.pro

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
SYMBOL = "BTC/USDT"


def practice(base, path, body):
    request = urllib.request.Request(f"{base}/practice/{path}", json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request, timeout=5))


def client(base, key, secret):
    ws = base.replace("http", "ws", 1)
    return ccxt.pro.binance({
        "apiKey": key,
        "secret": secret,
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
        },
        "urls": {"api": {
            "public": f"{base}/api/v3",
            "private": f"{base}/api/v3",
            "sapi": f"{base}/sapi/v1",
            "ws": {"spot": f"{ws}/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}},
        }},
    })


def expect(what, got, wanted):
    assert got == wanted, f"{what}: {got!r} instead of {wanted!r}"


async def until(exchange, wanted):
    """The next order update that `wanted` accepts."""
    async def watch():
        while True:
            for order in await exchange.watch_orders(SYMBOL):
                if wanted(order):
                    return order
    return await asyncio.wait_for(watch(), 10)


async def place_fill_cancel(exchange, base):
    watching = asyncio.ensure_future(until(exchange, lambda order: order["clientOrderId"] == "ccxt-1"))
    await asyncio.wait_for(wait_for_subscription(base), 10)

    order = await exchange.create_order(SYMBOL, "limit", "buy", 0.002, 59000, {"newClientOrderId": "ccxt-1"})
    expect("a new order", (order["status"], order["filled"]), ("open", 0.0))
    seen = await watching
    expect("the order's event", (seen["id"], seen["status"]), (order["id"], "open"))

    filled = asyncio.ensure_future(until(exchange, lambda one: one["id"] == order["id"] and one["status"] == "closed"))
    sell = {"price": "59000.00", "quantity": "0.002", "side": "SELL"}
    practice(base, "market", {"symbol": "BTCUSDT", "clear": True, "trade": sell})
    expect("the fill's event", (await filled)["filled"], 0.002)
    expect("the filled order", (await exchange.fetch_order(order["id"], SYMBOL))["status"], "closed")
    trades = await exchange.fetch_my_trades(SYMBOL)
    expect("the trade", (trades[-1]["order"], trades[-1]["amount"], trades[-1]["takerOrMaker"]), (order["id"], 0.002, "maker"))

    second = await exchange.create_order(SYMBOL, "limit", "buy", 0.001, 58000, {"newClientOrderId": "ccxt-2"})
    canceled = asyncio.ensure_future(until(exchange, lambda one: one["id"] == second["id"] and one["status"] == "canceled"))
    assert second["id"] in [one["id"] for one in await exchange.fetch_open_orders(SYMBOL)]
    expect("the cancel", (await exchange.cancel_order(second["id"], SYMBOL))["status"], "canceled")
    await canceled
    assert second["id"] not in [one["id"] for one in await exchange.fetch_open_orders(SYMBOL)]

    practice(base, "market", {"symbol": "BTCUSDT", "mid": "60000.00"})
    market = await exchange.create_order(SYMBOL, "market", "sell", 0.001)
    expect("a market order", (market["status"], market["average"]), ("closed", 59999.99))


async def wait_for_subscription(base):
    """Until the user-data subscription stands; an order before it would have no event."""
    def subscribed():
        record = json.load(urllib.request.urlopen(f"{base}/practice/record", timeout=5))
        return any(account["userDataStreams"] > 0 for account in record["accounts"])
    while not await asyncio.to_thread(subscribed):
        await asyncio.sleep(0.05)


async def market_data(exchange):
    book = await asyncio.wait_for(exchange.watch_order_book(SYMBOL), 10)
    assert book["bids"][0][0] < book["asks"][0][0], f"a crossed book: {book['bids'][0]} {book['asks'][0]}"
    ticker = await asyncio.wait_for(exchange.watch_bids_asks([SYMBOL]), 10)
    assert SYMBOL in ticker, ticker
    candles = await exchange.fetch_ohlcv(SYMBOL, "1m", limit=2)
    assert candles, "no candles"


async def refusals(exchange):
    for error, arguments in [
        (ccxt.InsufficientFunds, (SYMBOL, "limit", "buy", 1000.0, 59000)),
        (ccxt.InvalidOrder, (SYMBOL, "limit", "buy", 0.00002, 50000)),
    ]:
        try:
            await exchange.create_order(*arguments)
        except error:
            continue
        except ccxt.BaseError as other:
            # ccxt maps some codes only for the venue's own addresses.
            assert '"code":-' in str(other), other
            continue
        raise AssertionError(f"{arguments} was taken")


async def main(base, key, secret):
    exchange = client(base, key, secret)
    try:
        await exchange.load_markets()
        assert SYMBOL in exchange.markets, list(exchange.markets)
        balance = await exchange.fetch_balance()
        assert balance["BTC"]["free"] > 0, balance
        await market_data(exchange)
        practice(base, "faults", {"kind": "monthly_reset"})
        practice(base, "market", {"pause": True})
        await place_fill_cancel(exchange, base)
        await refusals(exchange)
    finally:
        practice(base, "market", {"pause": False})
        await exchange.close()
    print("ccxt: market data, orders, fills, cancels and user data as they should be")


if __name__ == "__main__":
    base = sys.argv[1].rstrip("/")
    key, secret = sys.argv[2:4] if len(sys.argv) > 3 else (KEY, SECRET)
    asyncio.run(main(base, key, secret))
