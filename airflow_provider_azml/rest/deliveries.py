"""Batches sent to a scoring URI, some at a time, by aiohttp: what the blocking driver does for a ``Score`` step.

Not by azure-core's pipeline, which takes longer over a request than aiohttp does to exchange it; see
docs/decisions/0017-batches-are-sent-by-aiohttp-itself.md.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp  # noqa: TID253 (only what scores many records imports this module)

from airflow_provider_azml.rest.flows import error_of, request
from airflow_provider_azml.rest.loop_threads import run_in_thread
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.rest.resending import verdict
from airflow_provider_azml.rest.sessions import Session
from airflow_provider_azml.rest.unanswered import no_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_azml.exceptions import ApiError
    from airflow_provider_azml.rest.score_step import Batch, Score
    from airflow_provider_azml.rest.scoring import Door

Opening: TypeAlias = "Callable[[str | None], Door]"
"""Opens the door, and is given the secret that was refused."""
_AHEAD = 4
"""How many batches for each that is under way may be answered before the one whose turn it is."""
_LEAST_AHEAD = 64
_CONNECT_SECONDS, _LEAST_SECONDS = 30.0, 60.0
"""How long a connection may take, and how long a token is used at least, whatever is said of it."""
_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_NEVER = (aiohttp.ClientConnectorCertificateError, aiohttp.InvalidURL)
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_HOLD = 0.05, 5.0, 120.0


def deliver(step: Score[Any], opening: Opening, ca_bundle: str | None, user_agent: str) -> int:
    """Send the batches of a step; how many requests were sent again.

    Args:
        step: What to send, and what to do with the answers.
        opening: Opens the door; called in a thread of its own.
        ca_bundle: PEM file of the certificate authorities to trust.
        user_agent: What to say who asks.

    Raises:
        ApiError: The endpoint refused the identity, is not there, or took nothing for too long.
    """

    async def delivered() -> int:
        trusted = await asyncio.to_thread(ssl.create_default_context, cafile=ca_bundle)
        session = Session(trusted)
        try:
            delivery = _Delivery(step, session, opening, user_agent)
            await delivery.run()
        finally:
            await session.close()
        return delivery.sent_again

    return run_in_thread(delivered, step.glance)


@dataclass(frozen=True)
class _Way:
    """A door that is open."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    proxy: str | None
    renew_at: float | None


@dataclass(frozen=True)
class _Answer:
    """An answer of aiohttp in the words of azure-core's, which errors are read from."""

    status_code: int
    reason: str | None
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> object:
        """The body, of JSON."""
        return json.loads(self.body)

    def text(self) -> str:
        """The body."""
        return self.body.decode(errors="replace")


class _Delivery:
    """Takes batches, sends them, and tells their answers in order.

    Args:
        step: What to send.
        session: The connections.
        opening: Opens the door.
        user_agent: What to say who asks.
    """

    def __init__(self, step: Score[Any], session: Session, opening: Opening, user_agent: str) -> None:
        self._step = step
        self._post = session.aiohttp.post
        self._headers = session.aiohttp.headers
        self._proxy = session.proxy
        self._opening = opening
        self._user_agent = user_agent
        self._timeout = aiohttp.ClientTimeout(total=step.timeout_seconds, sock_connect=_CONNECT_SECONDS)
        self._patience = Patience(step.tolerate_errors_seconds)
        self._strained = False
        self._answered = False
        self._way: _Way | None = None
        self._reopening = asyncio.Lock()
        self._done: dict[int, list[tuple[Batch, bytes | ApiError]]] = {}
        self._taken = self._told = 0
        self._window = max(_LEAST_AHEAD, _AHEAD * step.concurrency)
        self._room = asyncio.Event()
        self.sent_again = 0

    async def run(self) -> None:
        """Send them all; the first error that is not one batch's alone ends it."""
        lanes = [asyncio.ensure_future(self._lane(self._step.batches)) for _ in range(self._step.concurrency)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, batches: Iterator[Batch]) -> None:
        while True:
            while self._taken - self._told >= self._window:  # one that takes long must not let memory fill up
                self._room.clear()
                await self._room.wait()
            batch = next(batches, None)
            if batch is None:
                return
            place = self._taken
            self._taken += 1
            self._done[place] = await self._sent(batch) if batch.body else [(batch, b"")]
            self._tell()

    def _tell(self) -> None:
        while self._told in self._done:
            for batch, answer in self._done.pop(self._told):
                self._step.answered(batch, answer)
            self._told += 1
        self._room.set()

    async def _sent(self, batch: Batch) -> list[tuple[Batch, bytes | ApiError]]:
        """Send a batch, in parts and again where that is right; what came of each part."""
        tries = refused = 0
        while True:
            way = self._way
            if way is None or (way.renew_at is not None and time.time() >= way.renew_at):
                way = await self._opened(way)
            answer = await self._exchange(way, batch.body)
            if isinstance(answer, bytes):
                self._answered = True
                self._relieve()
                return [(batch, answer)]
            error, unsent = answer
            if error.status == HTTPStatus.UNAUTHORIZED:
                refused += 1
                await self._refused(way, error, refused)
                continue
            parts = batch.halves()
            idempotent = self._step.idempotent
            what = verdict(error, unsent=unsent, idempotent=idempotent, several=parts is not None, tries=tries + 1)
            if what == "all":
                raise error
            if what == "wait":
                self.sent_again += 1
                refused += 1
                await self._pause(error, refused, bears=True)
                continue
            self._relieve()
            if what == "failed":
                return [(batch, error)]
            if what == "halves" and parts:
                return [each for part in parts for each in await self._sent(part)]
            tries += 1
            self.sent_again += 1
            await self._pause(error, tries, bears=False)

    def _relieve(self) -> None:
        if self._strained:
            self._strained = False
            self._patience.relieved()

    async def _exchange(self, way: _Way, body: bytes) -> bytes | tuple[ApiError, bool]:
        """The answer to a payload if it is a success; else the error, and whether the payload was never sent."""
        try:
            async with self._post(
                way.url,
                data=body,
                headers=way.headers,
                allow_redirects=False,
                timeout=self._timeout,
                proxy=way.proxy,
            ) as response:
                content = await response.read()
                if response.status < HTTPStatus.MULTIPLE_CHOICES:
                    return content
        except _NEVER as error:
            raise self._no_answer(way, error) from error
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            return self._no_answer(way, error), isinstance(error, _UNSENT)
        answer = _Answer(response.status, response.reason, response.headers, content)
        return error_of(request("POST", way.url), answer), False

    def _no_answer(self, way: _Way, error: Exception) -> ApiError:
        late = isinstance(error, asyncio.TimeoutError) and not isinstance(error, _UNSENT)
        said = f"it did not answer within {self._step.timeout_seconds:.0f} s" if late else str(error)
        return no_answer(request("POST", way.url), type(error).__name__, said)

    async def _pause(self, error: ApiError, tries: int, *, bears: bool) -> None:
        """Wait before a payload is sent again.

        Raises:
            ApiError: Nothing at all has been taken for too long.
        """
        if bears:
            self._strained = True
            self._patience.bear(error)
        growing = min(_FIRST_PAUSE * 2.0 ** min(tries, 10), _LONGEST_PAUSE)
        await asyncio.sleep(max(min(error.retry_after, _LONGEST_HOLD), growing * random.uniform(0.5, 1.5)))  # noqa: S311 (no secret)

    async def _refused(self, way: _Way, error: ApiError, tries: int) -> None:
        """Open the door again whose secret is refused: a key is made anew, a token withdrawn.

        Raises:
            ApiError: The new one is refused as well.
        """
        if not self._answered and tries > 1:
            raise error
        if tries > 1:  # it is not known everywhere at once
            await self._pause(error, tries, bears=True)
        await self._opened(way, way.headers.get("Authorization", "").removeprefix("Bearer "))

    async def _opened(self, stale: _Way | None, refused: str | None = None) -> _Way:
        """The way to the endpoint, found by whoever comes first."""
        async with self._reopening:
            if self._way is None or self._way is stale:
                door = await asyncio.to_thread(self._opening, refused)
                sent = {"Content-Type": self._step.content_type, "User-Agent": self._user_agent, **door.headers}
                renew_at = None if door.renew_at is None else max(door.renew_at, time.time() + _LEAST_SECONDS)
                headers = self._headers.copy()  # in the form that aiohttp need not turn it into for every request
                headers.update(sent)
                self._way = _Way(door.uri, headers, self._proxy(door.uri), renew_at)
        return self._way
