"""The client: logs in, asks for events, sends commands, and comes back when the switch was away."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, fail
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from cyclone.escape import json_decode
from cyclone.log import app_log

from .messages import Message, ProtocolError, Reader, command

__all__ = ["Client", "ClientFactory", "Refused"]

#: Seconds that the switch may take to reply, and to finish what takes its time.
PATIENCE, LONG_PATIENCE = 10, 90
#: Seconds after which a switch that says nothing is gone; its heart beats every 20.
SILENCE = 65

EVENTS = (
    "CHANNEL_CREATE",
    "CHANNEL_ANSWER",
    "CHANNEL_HANGUP_COMPLETE",
    "BACKGROUND_JOB",
    "HEARTBEAT",
)


class Refused(Exception):
    """The switch does not do what it was told."""


def outcome(text: str) -> str:
    """What the switch has said, if it is good.

    Raises:
        Refused: it is not.
    """
    if not text.startswith("+OK"):
        raise Refused(text.strip()[:200] or "no reason given")
    return text


class Client(Protocol):
    """One connection to the switch.

    Args:
        password: of the Event Socket.
        told: called with each event, a dict.
        state: called with True when the switch begins to tell, and False when it is gone.
        clock: of the time that the switch may take; None for any time.
    """

    def __init__(
        self,
        password: str,
        told: Callable[[dict[str, Any]], None],
        state: Callable[[Client, bool], None],
        clock: Any = None,
    ) -> None:
        self._password = password
        self._told = told
        self._state = state
        self._reader = Reader()
        self._waiting: deque[Deferred[Message]] = deque()
        self._jobs: dict[str, Deferred[str]] = {}
        self._gone = False
        self._clock = clock
        self._silence: Any = None

    def connectionMade(self) -> None:
        if self._clock is not None:
            self._silence = self._clock.callLater(SILENCE, self.transport.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        if self._silence is not None and self._silence.active():
            self._silence.reset(SILENCE)
        try:
            for message in self._reader.feed(data):
                self._received(message)
        except (ProtocolError, ValueError, TypeError, ArithmeticError) as error:
            app_log.warning("The switch makes no sense: %s", str(error)[:200])
            self.transport.abortConnection()

    def _received(self, message: Message) -> None:
        if message.kind == "auth/request":
            self._log_in().addErrback(self._refused)
        elif message.kind == "text/event-json":
            event = json_decode(message.body)
            if isinstance(event, dict):
                self._happened(event)
        elif message.kind in ("text/disconnect-notice", "text/rude-rejection"):
            app_log.warning("The switch ends the connection")
            self.transport.loseConnection()
        elif message.kind in ("command/reply", "api/response") and self._waiting:
            # Replies come in the order of the commands.
            self._waiting.popleft().callback(message)

    def _happened(self, event: dict[str, Any]) -> None:
        if event.get("Event-Name") != "BACKGROUND_JOB":
            self._told(event)
        elif (job := self._jobs.pop(str(event.get("Job-UUID")), None)) is not None:
            job.callback(str(event.get("_body", "")))

    def _log_in(self) -> Deferred[None]:
        async def log_in() -> None:
            await self._send("auth", self._password)
            await self._send("event", "json", *EVENTS)
            self._state(self, True)

        return Deferred.fromCoroutine(log_in())

    def _refused(self, failure: Failure) -> None:
        if not failure.check(ConnectionLost):
            app_log.error("The switch does not let us in: %s", failure.getErrorMessage())
            self.transport.loseConnection()

    async def _send(self, *words: str, **fields: str) -> str:
        answer = await self.send(*words, **fields)
        return outcome(
            answer.fields.get("reply-text", "") or answer.body.decode("utf-8", "replace")
        )

    def send(self, *words: str, **fields: str) -> Deferred[Message]:
        """Send a command; the reply to it.

        Raises:
            ValueError: the words are no command.
            ConnectionLost: the switch is gone.
        """
        line = command(*words, **fields)
        if self._gone:
            return fail(ConnectionLost())
        answer: Deferred[Message] = Deferred()
        self._waiting.append(answer)
        self.transport.write(line)
        if self._clock is not None:
            # Without this reply the later ones could not be told from each other.
            timer = self._clock.callLater(PATIENCE, self.transport.abortConnection)

            def replied(result: Any) -> Any:
                if timer.active():
                    timer.cancel()
                return result

            answer.addBoth(replied)
        return answer

    async def call(self, *words: str) -> str:
        """Have the switch do something: what it says.

        Raises:
            Refused: it does not do it.
            ConnectionLost: it is gone.
        """
        return await self._send("api", *words)

    async def job(self, *words: str) -> str:
        """The same for what takes its time, such as a telephone that rings.

        The switch does nothing else for this connection while it is at work on an ``api``.
        """
        key = str(uuid.uuid4())
        done = self._jobs[key] = Deferred()
        try:
            await self._send("bgapi", *words, job_uuid=key)
            if self._clock is not None:
                done.addTimeout(LONG_PATIENCE, self._clock)
            return outcome(await done)
        except TimeoutError:
            raise Refused("it takes too long") from None
        finally:
            self._jobs.pop(key, None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone = True
        if self._silence is not None and self._silence.active():
            self._silence.cancel()
        self._state(self, False)
        while self._waiting:
            self._waiting.popleft().errback(ConnectionLost())
        while self._jobs:
            self._jobs.popitem()[1].errback(ConnectionLost())


class ClientFactory(Factory):
    """Makes clients, for a `ClientService`, which connects again and again."""

    noisy = False

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def buildProtocol(self, address: Any) -> Client:
        return Client(*self._arguments)
