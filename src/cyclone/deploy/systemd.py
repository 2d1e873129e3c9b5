"""What systemd, or whoever speaks its protocol, wants to know of a service.

It is told as ``sd_notify(3)`` does, by datagrams: a few lines ``NAME=value`` each. The sockets that
it opens are in `activation`.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from twisted.internet.task import LoopingCall

from cyclone.log import gen_log

__all__ = ["Notifier"]


class Notifier:
    """Tells a service manager how the service is; says nothing where nobody asked.

    Args:
        address: the manager's socket: a path, or ``@name`` in Linux' abstract namespace; None for
            no manager.
        watchdog: seconds within which it wants to hear of us; None if it does not.
    """

    #: Seconds until it is to hear of progress again.
    PATIENCE = 60.0

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._socket: socket.socket | None = None
        self.watchdog = watchdog
        self._pulse: LoopingCall | None = None
        if address:
            self._connect(address)

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Notifier:
        """The notifier that ``$NOTIFY_SOCKET``, ``$WATCHDOG_USEC`` and ``$WATCHDOG_PID`` ask for.

        The variables are removed, lest children report in our name.
        """
        address = environ.pop("NOTIFY_SOCKET", None)
        interval = environ.pop("WATCHDOG_USEC", "")
        process = environ.pop("WATCHDOG_PID", "")
        ours = not process or process == str(os.getpid())
        usable = ours and interval.isascii() and interval.isdigit() and int(interval) > 0
        return cls(address, int(interval) / 1e6 if usable else None)

    def _connect(self, address: str) -> None:
        if not address.startswith(("/", "@")):
            gen_log.warning("NOTIFY_SOCKET=%s is no unix socket: nobody is notified", address)
            return
        name = "\0" + address[1:] if address.startswith("@") else address
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            connecting.setblocking(False)
            connecting.connect(name)
        except OSError as error:
            connecting.close()
            gen_log.warning("cannot notify %s: %s", address, error.strerror or error)
        else:
            self._socket = connecting

    def send(self, **fields: object) -> None:
        """Send one datagram. A manager that does not take it is no reason to fail."""
        if self._socket is None:
            return
        lines = "".join(f"{name}={value}\n" for name, value in fields.items())
        try:
            self._socket.send(lines.encode())
        except OSError as error:
            gen_log.warning("cannot notify the service manager: %s", error.strerror or error)

    def ready(self, status: str) -> None:
        """The service is up, or has finished reloading."""
        self.send(READY=1, MAINPID=os.getpid(), STATUS=status)

    def reloading(self, status: str) -> None:
        """The service reads its configuration anew; `ready` is to follow."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.send(RELOADING=1, MONOTONIC_USEC=microseconds, STATUS=status)

    def status(self, status: str) -> None:
        """One line for people."""
        self.send(STATUS=status)

    def advancing(self, status: str) -> None:
        """Starting or reloading goes on, and may take longer than the manager has thought."""
        self.send(STATUS=status, EXTEND_TIMEOUT_USEC=round(self.PATIENCE * 1e6))

    def stopping(self, status: str = "finishing the last requests") -> None:
        """The service is about to end."""
        self.send(STOPPING=1, STATUS=status)

    def start_watchdog(self, reactor: Any, check: Callable[[float], object] | None = None) -> None:
        """Report at half the interval that the manager wants; nothing if it wants none.

        Args:
            check: called each time, with the interval in seconds.
        """
        if self.watchdog is None or self._pulse is not None:
            return

        def report(interval: float) -> None:
            self.send(WATCHDOG=1)
            if check is not None:
                check(interval)

        self._pulse = LoopingCall(report, self.watchdog)
        self._pulse.clock = reactor
        self._pulse.start(self.watchdog / 2)

    def close(self) -> None:
        """Say nothing any more."""
        if self._pulse is not None and self._pulse.running:
            self._pulse.stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
