"""What stands for MongoDB in tests, since no real one could be had: its wire protocol in memory.

It knows the opening question (OP_QUERY), OP_MSG, and of the commands what the tests use; documents
are matched by equality alone.
"""

from __future__ import annotations

import struct
from typing import Any

import bson
from twisted.internet.protocol import Factory, Protocol

from tests.plugins.reactor import global_reactor

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {"ismaster": True, "maxWireVersion": 21, "minWireVersion": 0, "ok": 1}


class _Connection(Protocol):
    """One client."""

    factory: Any

    def connectionMade(self) -> None:
        self.data = b""
        self.factory.double.connections.append(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.double.connections.remove(self)

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        while len(self.data) >= 4:
            (length,) = struct.unpack_from("<i", self.data)
            if len(self.data) < length:
                return
            message, self.data = self.data[:length], self.data[length:]
            self.message(message)

    def message(self, message: bytes) -> None:
        _, number, _, code = struct.unpack_from("<iiii", message)
        double = self.factory.double
        if double.silent:
            return
        if code == OP_QUERY:
            self.reply(number, OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1), HELLO)
            return
        command = _command(message)
        answer = double.answer(command)
        if double.cut_after is not None:
            self.transport.write(b"\x20\0\0\0" + b"\0" * double.cut_after)
            self.transport.abortConnection()
            return
        self.reply(number, OP_MSG, b"\0\0\0\0\0", answer)

    def reply(self, to: int, code: int, head: bytes, document: dict[str, Any]) -> None:
        body = head + bson.encode(document)
        self.transport.write(struct.pack("<iiii", 16 + len(body), 0, to, code) + body)


def _command(message: bytes) -> dict[str, Any]:
    """The document of an OP_MSG, with its sequences of documents."""
    at, command = 20, {}
    while at < len(message):
        kind, at = message[at], at + 1
        (length,) = struct.unpack_from("<i", message, at)
        section = message[at : at + length]
        at += length
        if kind == 0:
            command.update(bson.decode(section))
        else:
            name, _, documents = section[4:].partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
    return command


class Double:
    """The server: `silent` answers nothing, `error` is answered to everything but greetings."""

    def __init__(self) -> None:
        self.collections: dict[str, list[dict[str, Any]]] = {}
        self.connections: list[_Connection] = []
        self.silent = False
        self.cut_after: int | None = None
        self.error: dict[str, Any] | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before."""
        factory = Factory.forProtocol(_Connection)
        factory.noisy = False
        factory.double = self  # type: ignore[attr-defined]
        self._listening = global_reactor().listenTCP(self.port, factory, interface="127.0.0.1")
        self.port = self._listening.getHost().port

    def kill(self) -> Any:
        """Listen no more, and drop everybody."""
        for connection in list(self.connections):
            connection.transport.abortConnection()
        return self._listening.stopListening()

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """What a command comes to."""
        name = next(iter(command))
        if self.error is not None:
            return {"ok": 0, **self.error}
        if name == "insert":
            self.collections.setdefault(command["insert"], []).extend(command["documents"])
            return {"ok": 1, "n": len(command["documents"])}
        if name == "find":
            wanted = command.get("filter", {}).items()
            found = [
                one for one in self.collections.get(command["find"], []) if wanted <= one.items()
            ]
            namespace = f"{command['$db']}.{command['find']}"
            return {"ok": 1, "cursor": {"id": 0, "ns": namespace, "firstBatch": found}}
        return {"ok": 1}
