"""Calls the demo by JSON-RPC with cyclone's client: python client_jsonrpc.py [URL]"""

import sys

from twisted.internet import defer, task

from cyclone.httpclient import AsyncHTTPClient, JsonRPC, JsonRPCBatch, RemoteError


async def main(reactor, url="http://127.0.0.1:8888/jsonrpc"):
    old = JsonRPC(url)
    print("1.0, echo:", await old.echo("Grüße"))

    server = JsonRPC(url, version="2.0")
    print("2.0, sort:", await server.sort([3, 1, 2]))
    print("named arguments:", await server.divide(divisor=4, dividend=1))
    try:
        await server.divide(1, 0)
    except RemoteError as error:
        print("divide:", error.code, error.message)
    await server.echo.notify("nobody waits for this")

    batch = JsonRPCBatch(server)
    batch.count(["a", "b"])
    batch.nothing()
    batch.echo(None)
    print("a batch:", [repr(result) for result in await batch()])
    await AsyncHTTPClient().close()


if __name__ == "__main__":
    task.react(lambda *args: defer.ensureDeferred(main(*args)), sys.argv[1:])
