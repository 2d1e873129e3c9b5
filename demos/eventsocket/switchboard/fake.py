"""A switch that is made up: as much of FreeSWITCH's Event Socket as the client uses, and calls."""

from __future__ import annotations

import json
import random
import time
import uuid
from typing import Any

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from .messages import Message, ProtocolError, Reader, message

__all__ = ["PASSWORD", "Switch"]

PASSWORD = "ClueCon"  # as FreeSWITCH comes
#: Lines, and how many of them people take by themselves; the rest is for visitors of the page.
MOST_CALLS = 12
BUSY = 7
MOST_CLIENTS = 20
#: Seconds between two signs of life.
HEARTBEAT = 20
PEOPLE = ("Ada", "Grace", "Agner", "Alexander", "Hedy", "Antonio", "Elisha", "Johann")


class Session(Protocol):
    """A client of the switch."""

    factory: Switch

    def connectionMade(self) -> None:
        self._reader = Reader(most_header=4096, most_body=0)
        self.wants: set[str] = set()
        self._known = False
        self.factory.sessions.add(self)
        self.transport.write(message(content_type="auth/request"))

    def dataReceived(self, data: bytes) -> None:
        try:
            for each in self._reader.feed(data):
                self._commanded(each)
        except ProtocolError:
            self.transport.loseConnection()

    def _commanded(self, given: Message) -> None:
        verb, _, rest = given.line.partition(" ")
        if verb == "exit":
            self._reply("+OK bye")
            body = b"Disconnected, goodbye.\n"
            self.transport.write(message(body, content_type="text/disconnect-notice"))
            self.transport.loseConnection()
        elif verb == "auth":
            self._known = rest == self.factory.password
            self._reply("+OK accepted" if self._known else "-ERR invalid")
        elif not self._known:
            self._reply("-ERR not authenticated")
        elif verb == "event" and rest.startswith("json "):
            self.wants |= set(rest.upper().split()[1:])
            self._reply("+OK event listener enabled json")
        elif verb == "api":
            answer = self.factory.command(*rest.split())
            self.transport.write(message(answer.encode(), content_type="api/response"))
        elif verb == "bgapi":
            key = given.fields.get("job-uuid") or str(uuid.uuid4())
            self._reply(f"+OK Job-UUID: {key}")
            answer = self.factory.command(*rest.split())
            self.tell({"Event-Name": "BACKGROUND_JOB", "Job-UUID": key, "_body": answer})
        else:
            self._reply("-ERR command not found")

    def _reply(self, text: str) -> None:
        self.transport.write(message(content_type="command/reply", reply_text=text))

    def tell(self, event: dict[str, str]) -> None:
        """Tell of an event, if it is wanted."""
        if {event["Event-Name"], "ALL"} & self.wants:
            body = json.dumps(event).encode()
            self.transport.write(message(body, content_type="text/event-json"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.sessions.discard(self)


class Switch(Factory):
    """The switch: people call each other.

    Args:
        password: of its Event Socket.
        clock: of its calls; default the reactor's.
    """

    protocol = Session
    noisy = False

    def __init__(self, password: str = PASSWORD, clock: Any = None) -> None:
        self.password = password
        self.sessions: set[Session] = set()
        self.calls: dict[str, dict[str, str]] = {}
        self._seconds = 0
        self._life = LoopingCall(self._live)
        if clock is not None:
            self._life.clock = clock

    def buildProtocol(self, address: Any) -> Protocol | None:
        return super().buildProtocol(address) if len(self.sessions) < MOST_CLIENTS else None

    def start(self) -> None:
        """People begin to call each other."""
        self._life.start(1.0, now=False)

    def stop(self) -> None:
        """They end; sessions do, too."""
        if self._life.running:
            self._life.stop()
        for session in list(self.sessions):
            session.transport.abortConnection()

    def _live(self) -> None:
        self._seconds += 1
        if self._seconds % HEARTBEAT == 0:
            self._tell_all({"Event-Name": "HEARTBEAT"})
        ringing = [key for key, call in self.calls.items() if call["state"] == "ringing"]
        if ringing and random.random() < 0.6:
            self.answer(random.choice(ringing))
        if random.random() < 0.06 * len(self.calls):
            self.end(random.choice(list(self.calls)), "NORMAL_CLEARING")
        if len(self.calls) < BUSY and random.random() < 0.5:
            self.begin(*random.sample(PEOPLE, 2))

    def begin(self, caller: str, callee: str) -> str:
        """A telephone rings: the number of the call, empty if all lines are busy."""
        if len(self.calls) >= MOST_CALLS:
            return ""
        key = str(uuid.uuid4())
        self.calls[key] = {"caller": caller, "callee": callee, "state": "ringing"}
        self._tell("CHANNEL_CREATE", key)
        return key

    def answer(self, key: str) -> None:
        """Somebody takes it up."""
        self.calls[key]["state"] = "talking"
        self._tell("CHANNEL_ANSWER", key)

    def end(self, key: str, cause: str) -> None:
        """The call is over."""
        self._tell("CHANNEL_HANGUP_COMPLETE", key, {"Hangup-Cause": cause})
        del self.calls[key]

    def _tell(self, name: str, key: str, more: dict[str, str] | None = None) -> None:
        call = self.calls[key]
        event = {
            "Event-Name": name,
            "Event-Date-Timestamp": str(int(time.time() * 1_000_000)),
            "Unique-ID": key,
            "Caller-Caller-ID-Name": call["caller"],
            "Caller-Destination-Number": call["callee"],
            **(more or {}),
        }
        self._tell_all(event)

    def _tell_all(self, event: dict[str, str]) -> None:
        for session in list(self.sessions):
            session.tell(event)

    def command(self, verb: str = "", *words: str) -> str:
        """An ``api`` command: what it says."""
        if verb == "status":
            return f"UP: {len(self.calls)} session(s)\n"
        if verb == "originate" and len(words) == 2:
            caller, callee = (word.rpartition("/")[2].rstrip(")").title() for word in words)
            key = self.begin(caller, callee)
            return f"+OK {key}\n" if key else "-ERR NORMAL_CIRCUIT_CONGESTION\n"
        if verb == "uuid_kill" and len(words) == 1:
            if words[0] not in self.calls:
                return "-ERR No such channel!\n"
            self.end(words[0], "MANAGER_REQUEST")
            return "+OK\n"
        return f"-ERR {verb} command not found!\n"
