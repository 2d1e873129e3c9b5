"""Does a server answer a case as the case says?  Asked before it is measured."""

from __future__ import annotations

import socket
import ssl

from bench.cases import HOST, Case, WrongAnswer
from bench.generator import Generator, LoadError, Shape
from bench.responses import BadResponse, Response, ResponseReader

_PATIENCE = 5.0  # seconds


def probe(case: Case, port: int) -> bytes:
    """Ask once, and return the body of the answer, which the load generator will insist on.

    Raises:
        WrongAnswer: if the answer is not the one of the case, or there is none.
    """
    try:
        if case.mode in ("echo", "broadcast"):
            with Generator(case, port, Shape(connections=2, seconds=0.02)) as generator:
                generator.go()
            return b""
        response = _asked(case, port)
    except (OSError, BadResponse, LoadError) as error:
        raise WrongAnswer(str(error)) from error
    case.check(response)
    return response.body


def _asked(case: Case, port: int) -> Response:
    sock: socket.socket = socket.create_connection((HOST, port), timeout=_PATIENCE)
    if case.tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        sock = context.wrap_socket(sock)
    with sock:
        sock.sendall(case.request(port))
        reader = ResponseReader()
        while data := sock.recv(65536):
            for response in reader.feed(data):
                return response
    raise WrongAnswer("the connection was closed before the answer was complete")
