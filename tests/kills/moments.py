"""Where a task's process is, told to whoever is about to kill it, and when it is to be killed."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from http.client import HTTPResponse
    from pathlib import Path

ADDRESS = "KILLS_MOMENTS"
"""Environment variable that names the socket which moments are told to."""
_SUBMISSIONS = {"PUT": re.compile(r"/jobs/[^/?]+"), "POST": re.compile(r"/startrun\b|/score/.+/jobs$")}

MOMENTS = {
    "executing": "before the PUT",
    "sending": "during the PUT",
    "answered": "after the PUT",
    "waiting": "while waiting",
    "resumed": "resumed",
}
"""What a process tells -> what it means to be killed after it, and before the next."""


def tell(moment: str) -> None:
    """Tell that this process has come to a moment; at once, so that a kill that follows finds it told."""
    address = os.environ.get(ADDRESS)
    if address is None:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
        teller.sendto(json.dumps({"moment": moment, "pid": os.getpid()}).encode(), address)


def watch_requests() -> None:
    """Tell, from now on, when what submits a job is sent, and when it is answered.

    That is a PUT of a job, the start of a run of v1, or an invocation of a batch endpoint.
    """
    putrequest, getresponse = HTTPConnection.putrequest, HTTPConnection.getresponse
    puts: set[int] = set()

    def telling_putrequest(self: HTTPConnection, method: str, url: str, *args: Any, **options: Any) -> None:
        if method in _SUBMISSIONS and _SUBMISSIONS[method].search(url):
            puts.add(id(self))
            tell("sending")
        putrequest(self, method, url, *args, **options)

    def telling_getresponse(self: HTTPConnection) -> HTTPResponse:
        response = getresponse(self)
        if id(self) in puts:
            puts.discard(id(self))
            tell("answered")
        return response

    HTTPConnection.putrequest = telling_putrequest  # type: ignore[method-assign]
    HTTPConnection.getresponse = telling_getresponse  # type: ignore[method-assign]


@dataclass(frozen=True)
class Told:
    """A moment that a process has come to."""

    moment: str
    pid: int


class Listener:
    """Hears of the moments of the processes that are forked while it is open."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "moments")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)

    def fileno(self) -> int:
        return self._socket.fileno()

    def hear(self, seconds: float) -> Told | None:
        """The next moment, or None when there is none for some seconds."""
        self._socket.settimeout(max(seconds, 1e-6))
        try:
            return Told(**json.loads(self._socket.recv(1000)))
        except TimeoutError:
            return None

    def forget(self) -> None:
        """Forget what has not been heard."""
        while self.hear(0):
            pass


@dataclass(frozen=True)
class Plan:
    """When to kill: some seconds after a moment, or earlier than planned if the process should end before."""

    moment: str
    seconds: float

    @classmethod
    def at_random(cls, chance: random.Random, *, waits_seconds: float) -> Plan:
        """Any moment of an execution; each of its parts, however short, is as likely as any other."""
        longest = {"executing": 0.5, "sending": 0.012, "answered": 0.05, "waiting": waits_seconds}
        moment = chance.choice([*longest])
        return cls(moment, chance.uniform(0, longest[moment]))


@dataclass
class Watch:
    """Waits for the moment of a plan."""

    listener: Listener
    last: Told | None = None

    def until(self, plan: Plan, *, has_ended: Any) -> Told | None:
        """The process that is to be killed, at the moment when it is; None when it has ended before."""
        due: float | None = None
        while due is None or time.monotonic() < due:
            told = self.listener.hear(0.05 if due is None else min(0.05, due - time.monotonic()))
            if told is not None:
                self.last = told
                if told.moment == plan.moment and due is None:
                    due = time.monotonic() + plan.seconds
            elif has_ended():
                return None
        return self.last
