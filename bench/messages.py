"""WebSockets in memory: what :class:`bench.calls.Connection` is to requests."""

from __future__ import annotations

from typing import Any

from bench.calls import PORT, Connection, Factory, MemoryTransport
from bench.cases import MESSAGE_SIZE, Case, WrongAnswer

_KEY = b"\x37\xfa\x21\x3d"


def _payload() -> bytes:
    return bytes(ord("a") + i % 26 for i in range(MESSAGE_SIZE))


def _frame() -> bytes:
    masked = bytes(byte ^ _KEY[i % 4] for i, byte in enumerate(_payload()))
    return bytes((0x81, 0x80 | MESSAGE_SIZE)) + _KEY + masked


class Messages(Connection):
    """Open WebSockets of ``factory``; the first one sends, what all of them get is an answer."""

    def __init__(self, factory: Factory, case: Case) -> None:
        super().__init__(factory, case)
        self.request = _frame()
        self._all = [self.transport]
        others = [MemoryTransport() for _ in range(case.answers - 1)]
        self._open(self.protocol)
        for transport in others:
            protocol = factory.buildProtocol(transport.getPeer())
            protocol.makeConnection(transport)
            self._all.append(transport)
            self._open(protocol)

    def _open(self, protocol: Any) -> None:
        protocol.dataReceived(self.case.request(PORT))
        head = self._all[-1].take()
        if not head.startswith(b"HTTP/1.1 101") or not head.endswith(b"\r\n\r\n"):
            raise WrongAnswer(f"not upgraded: {head[:40]!r}")

    def check(self, times: int) -> None:
        """Raise ``WrongAnswer`` unless everybody has got the message as often as it was sent."""
        message = bytes((0x81, MESSAGE_SIZE)) + _payload()
        for transport in self._all:
            if transport.take() != message * times:
                raise WrongAnswer("a message is wrong, missing, or one too many")
