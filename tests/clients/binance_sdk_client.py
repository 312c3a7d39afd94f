"""Trades on the practice exchange with an unchanged binance-sdk-spot: REST with query parameters, streams,
the WebSocket API with HMAC, and with an Ed25519 key of its own through session.logon.

Usage: binance_sdk_client.py http://127.0.0.1:18080 [api_key secret account]; ends with 0 when all went as it should.
"""

import asyncio
import base64
import json
import sys
import urllib.request

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.spot import Spot
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


def practice(base, path, body):
    request = urllib.request.Request(f"{base}/practice/{path}", json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request, timeout=5))


def expect(what, got, wanted):
    assert got == wanted, f"{what}: {got!r} instead of {wanted!r}"


def spot(base, **credentials):
    ws = base.replace("http", "ws", 1)
    return Spot(
        config_rest_api=ConfigurationRestAPI(base_path=base, timeout=5000, **credentials),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=f"{ws}/ws-api/v3", **credentials),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=ws),
    )


def rest(client, base, name):
    info = client.rest_api.exchange_info(symbol="BTCUSDT").data()
    expect("exchangeInfo", info.symbols[0].symbol, "BTCUSDT")
    assert client.rest_api.time().data().server_time > 0
    assert client.rest_api.depth(symbol="BTCUSDT", limit=5).data().last_update_id is not None
    practice(base, "market", {"pause": True, "symbol": "BTCUSDT", "mid": "60000.00"})
    order = client.rest_api.new_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.001, price=59000.0,
        new_client_order_id=name,
    ).data()
    expect("a new order", (order.status, order.client_order_id), ("NEW", name))
    found = client.rest_api.get_order(symbol="BTCUSDT", orig_client_order_id=name).data()
    expect("the order", (found.order_id, found.status), (order.order_id, "NEW"))
    assert order.order_id in [one.order_id for one in client.rest_api.get_open_orders(symbol="BTCUSDT").data()]
    canceled = client.rest_api.delete_order(symbol="BTCUSDT", order_id=order.order_id).data()
    expect("the cancel", (canceled.status, canceled.orig_client_order_id), ("CANCELED", name))
    filled = client.rest_api.new_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=0.001).data()
    expect("a market order", (filled.status, len(filled.fills)), ("FILLED", 1))
    trades = client.rest_api.my_trades(symbol="BTCUSDT", order_id=filled.order_id).data()
    expect("its trade", trades[0].id, filled.fills[0].trade_id)
    assert any(one.asset == "BTC" for one in client.rest_api.get_account().data().balances)


async def streams(client):
    connection = await client.websocket_streams.create_connection()
    seen = asyncio.get_running_loop().create_future()
    handle = await client.websocket_streams.book_ticker(symbol="btcusdt")
    handle.on("message", lambda message: seen.done() or seen.set_result(message))
    return connection, handle, seen


async def user_data(client, base, logon, name):
    api = client.websocket_api
    await api.create_connection()
    if logon:
        session = (await api.session_logon()).data().result
        assert session.api_key and session.authorized_since, session
        handle = await api.user_data_stream_subscribe()
    else:
        handle = await api.user_data_stream_subscribe_signature()
    events = asyncio.Queue()
    handle.stream.on("message", events.put_nowait)

    placed = (await api.order_place(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.001, price=59000.0,
        new_client_order_id=name,
    )).data().result
    expect("a new order", (placed.status, placed.client_order_id), ("NEW", name))
    await expect_event(events, "NEW", placed.order_id)
    sell = {"price": "59000.00", "quantity": "0.001", "side": "SELL"}
    practice(base, "market", {"symbol": "BTCUSDT", "clear": True, "trade": sell})
    await expect_event(events, "TRADE", placed.order_id)
    status = (await api.order_status(symbol="BTCUSDT", order_id=placed.order_id)).data().result
    expect("the order", status.status, "FILLED")

    resting = (await api.order_place(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.001, price=58000.0,
    )).data().result
    canceled = (await api.order_cancel(symbol="BTCUSDT", order_id=resting.order_id)).data().result
    expect("the cancel", canceled.status, "CANCELED")
    await expect_event(events, "CANCELED", resting.order_id)
    await api.close_connection(close_session=True)


async def expect_event(events, execution, order_id):
    """Waits for the execution report of this kind about this order."""
    async def wait():
        while True:
            report = (await events.get()).actual_instance
            if (getattr(report, "x", None), getattr(report, "i", None)) == (execution, order_id):
                return
    try:
        await asyncio.wait_for(wait(), 10)
    except asyncio.TimeoutError:
        raise AssertionError(f"no {execution} event about order {order_id}") from None


def ed25519(base, account):
    """A fresh key pair, the public half registered with the exchange."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = base64.b32encode(public)[-48:].decode().replace("=", "0") + "0" * 16
    practice(base, "keys", {"account": account, "api_key": key, "public_key": base64.b64encode(public).decode()})
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key, pem.decode()


async def main(base, key, secret, account):
    practice(base, "faults", {"kind": "monthly_reset"})
    hmac = spot(base, api_key=key, api_secret=secret)
    connection, handle, ticker = await streams(hmac)
    await asyncio.to_thread(rest, hmac, base, "sdk-rest-hmac")
    practice(base, "market", {"symbol": "BTCUSDT", "mid": "60100.00"})
    assert (await asyncio.wait_for(ticker, 10)).s == "BTCUSDT"
    await user_data(hmac, base, False, "sdk-ws-hmac")
    ed_key, pem = ed25519(base, account)
    edwards = spot(base, api_key=ed_key, private_key=pem)
    await asyncio.to_thread(rest, edwards, base, "sdk-rest-ed25519")
    await user_data(edwards, base, True, "sdk-ws-ed25519")
    await handle.unsubscribe()
    await hmac.websocket_streams.close_connection(close_session=True)
    print("binance-sdk-spot: REST, streams, WebSocket API and user data as they should be, HMAC and Ed25519")


if __name__ == "__main__":
    base = sys.argv[1].rstrip("/")
    key, secret, account = sys.argv[2:5] if len(sys.argv) > 4 else (KEY, SECRET, "practice")
    try:
        asyncio.run(main(base, key, secret, account))
    finally:
        practice(base, "market", {"pause": False})
