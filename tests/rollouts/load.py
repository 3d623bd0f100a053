"""A continuous load: so many requests a second to an endpoint, come what may, and what became of each."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter

from tests.rollouts.versions import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from airflow_provider_azml.hooks.azml import AzmlHook

_MOST_AT_ONCE = 16
"""So that each is answered in time also where the machine answers few a second."""
_PATIENCE_SECONDS = 90
_ANSWER_SECONDS = 60
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Request:
    """What became of one request.

    Args:
        sent: When it was sent, by :func:`time.monotonic`.
        ended: When its answer was there, or it was lost.
        refused: HTTP status of the first answer, where that was no success; 0 when there was no answer.
        version: The version that answered; empty when none did, however often it was sent again.
    """

    sent: float
    ended: float
    refused: int | None = None
    version: str = ""


@dataclass
class Load:
    """A load that runs while its block does.

    Args:
        url: Where the endpoint takes payloads.
        key: Opens it.
        ca_bundle: Whom to trust.
        per_second: How many requests are sent a second, whether those before have been answered or not; fewer where so
            many wait for their answers that the machine cannot keep up.
    """

    url: str
    key: str = field(repr=False)
    ca_bundle: str
    per_second: int = 20
    done: list[Request] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Send until the block ends, then wait for the last answers."""
        over = threading.Event()
        with ThreadPoolExecutor(_MOST_AT_ONCE) as pool, requests.Session() as session:
            session.mount("https://", HTTPAdapter(pool_maxsize=_MOST_AT_ONCE))
            sender = threading.Thread(target=self._send_all, args=(pool, session, over))
            sender.start()
            try:
                yield self
            finally:
                over.set()
                sender.join()

    def between(self, begin: float, end: float) -> Sequence[Request]:
        """The requests that were sent in some time."""
        return [request for request in self.done if begin <= request.sent < end]

    @property
    def lost(self) -> Sequence[Request]:
        """The requests that no version answered."""
        return [request for request in self.done if not request.version]

    @property
    def refused(self) -> Sequence[Request]:
        """The requests that had to be sent again."""
        return [request for request in self.done if request.refused is not None]

    def counts(self) -> dict[str, int]:
        """How many requests each version answered, how many of them when they were sent again, and how many none."""
        counted = Counter(request.version or "nobody" for request in self.done)
        again = Counter(f"after {request.refused}" for request in self.refused)
        return {**counted, **again}

    def until_answered_by(self, version: str, seconds: float = 120) -> None:
        """Wait until a version has answered a request."""
        ends = time.monotonic() + seconds
        while not any(request.version == version for request in list(self.done)):
            assert time.monotonic() < ends, f"{version} answers nothing: {self.counts()}"
            time.sleep(0.02)

    def until_some_more_are_answered(self, count: int = 20, seconds: float = 120) -> None:
        """Wait until so many have been answered that are sent from now on."""
        begun = time.monotonic()
        while len(self.between(begun, math.inf)) < count:
            assert time.monotonic() < begun + seconds, f"no {count} answers in {seconds} s: {self.counts()}"
            time.sleep(0.02)

    def _send_all(self, pool: ThreadPoolExecutor, session: requests.Session, over: threading.Event) -> None:
        begun, sent = time.monotonic(), 0
        waiting: list[Future[None]] = []
        while not over.is_set():
            waiting.append(pool.submit(self._send, session))
            sent += 1
            over.wait(max(0.0, begun + sent / self.per_second - time.monotonic()))
        for each in waiting:
            each.result()

    def _send(self, session: requests.Session) -> None:
        """Send one request, and again as long as it is refused, as clients of a service do."""
        sent, refused, version = time.monotonic(), None, ""
        while not version and time.monotonic() < sent + _PATIENCE_SECONDS:
            status, version = self._tried(session)
            if not version:
                refused = status if refused is None else refused
                time.sleep(_PAUSE_SECONDS)
        self.done.append(Request(sent, time.monotonic(), refused, version))

    def _tried(self, session: requests.Session) -> tuple[int, str]:
        """HTTP status, 0 when there was no answer, and the version that answered."""
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            answer = session.post(
                self.url, json=PAYLOAD, headers=headers, verify=self.ca_bundle, timeout=_ANSWER_SECONDS
            )
        except requests.RequestException:
            return 0, ""
        return answer.status_code, json.loads(answer.text)["version"] if answer.ok else ""


def load_on(hook: AzmlHook, endpoint: str, ca_bundle: str) -> Load:
    """A load on an endpoint, which is begun by its ``running``."""
    url = hook.get("online_endpoint", endpoint)["properties"]["scoringUri"]
    key = hook.act("online_endpoint", endpoint, "list_keys")["primaryKey"]
    return Load(url, key, ca_bundle)
