"""Faults on request: errors, lost answers and torn connections, as a network and a busy service have them."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.refusals import is_azure, refusal
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_azml.emulator.open_connections import OpenConnections
    from airflow_provider_azml.rest.flows import Json

_KINDS = ("reset", "lost", "slow")
_SETTINGS: Mapping[str, float] = {"seed": 0, "slow_seconds": 3, "retry_after": 1}
_STATUS = re.compile(r"[45]\d\d")
_CERTAIN = 1 + 1e-9


class FaultsError(AzmlError):
    """A specification of faults is wrong."""


@dataclass
class FaultPlan:
    """Which requests go wrong, and how.

    Args:
        spec: ``what=probability`` pairs with commas between them: ``reset`` closes the connection before anything is
            done, ``lost`` does the work and closes it then, ``slow`` answers late, and a status such as ``429`` or
            ``503`` is answered without doing anything. Beside them ``seed``, ``slow_seconds`` (3) and ``retry_after``
            (1, in seconds, for 429 and 503).
        path: What a request's path must hold to go wrong; a regular expression.
        method: The method that it must have; any when empty.
        times: Fail exactly this many of them, the next ones, each in one of the ways of ``spec``; afterwards none.

    Raises:
        FaultsError: ``spec`` or ``path`` cannot be understood.

    Example:
        >>> FaultPlan("429=0.1,reset=0.05,seed=7").probabilities
        {'429': 0.1, 'reset': 0.05}
    """

    spec: str = ""
    path: str = ""
    method: str = ""
    times: int | None = None
    probabilities: dict[str, float] = field(init=False, default_factory=dict)
    done: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        settings = dict(_SETTINGS)
        for pair in filter(None, (part.strip() for part in self.spec.split(","))):
            name, number = _pair(pair)
            (settings if name in settings else self.probabilities)[name] = number
        total = sum(self.probabilities.values())
        if total > _CERTAIN:
            raise FaultsError(f"the faults of '{self.spec}' add up to a probability of {total:g}, which is above 1")
        if self.times is not None and (self.times < 0 or not total):
            raise FaultsError(f"'{self.spec}' names no fault that could happen {self.times} times")
        try:
            self._path = re.compile(self.path)
        except re.error as error:
            raise FaultsError(f"the path '{self.path}' is not a regular expression: {error}") from error
        self.slow_seconds, self.retry_after = settings["slow_seconds"], settings["retry_after"]
        self._random = random.Random(settings["seed"]) if "seed" in self.spec else random.Random()  # noqa: S311

    def draw(self, method: str, path: str) -> str | None:
        """What goes wrong with a request; mostly nothing."""
        if not self.probabilities or self.method.upper() not in ("", method) or not self._path.search(path):
            return None
        if self.times == 0:
            return None
        roll = self._random.random() * (1 if self.times is None else sum(self.probabilities.values()))
        for name, probability in self.probabilities.items():
            roll -= probability
            if roll < 0:
                return self._noted(name)
        return None if self.times is None else self._noted(name)

    def shown(self) -> Json:
        """The plan, how many times are left, and what has gone wrong so far."""
        left = {} if self.times is None else {"times": self.times}
        return {"spec": self.spec, "path": self.path, "method": self.method, **left, "done": dict(self.done)}

    def _noted(self, name: str) -> str:
        self.done[name] += 1
        if self.times is not None:
            self.times -= 1
        return name


class Faults:
    """Lets requests to Azure go wrong; those for tokens, for the cloud's metadata and for the emulator itself do not.

    Args:
        plan: Which requests, and how; it can be changed while requests come.
        connections: Tears down connections.
    """

    def __init__(self, plan: FaultPlan, connections: OpenConnections) -> None:
        self.plan = plan
        self._connections = connections

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an application answer, unless this request is one of those that go wrong."""
        fault = self.plan.draw(scope["method"], scope["path"]) if is_azure(scope) else None
        if fault is None:
            await app(scope, receive, send)
        elif fault == "slow":
            await asyncio.sleep(self.plan.slow_seconds)
            await app(scope, receive, send)
        elif fault in ("reset", "lost"):
            if fault == "lost":
                await app(scope, receive, _unsent)
            await self._reset(scope, receive)
        else:
            response = refusal(scope["path"], int(fault), retry_after=self.plan.retry_after)
            await response(scope, receive, send)

    async def _reset(self, scope: Scope, receive: Receive) -> None:
        self._connections.reset(scope)
        # until the web server has noticed: it would otherwise miss the answer
        while (await receive())["type"] != "http.disconnect":
            pass


def _pair(pair: str) -> tuple[str, float]:
    name, _, text = pair.partition("=")
    if not (name in _KINDS or name in _SETTINGS or _STATUS.fullmatch(name)):
        known = ", ".join((*_KINDS, *_SETTINGS))
        raise FaultsError(f"'{name}' in '{pair}' is neither a status from 400 to 599 nor one of {known}")
    try:
        number = float(text)
    except ValueError:
        number = -1
    if number < 0:
        raise FaultsError(f"'{pair}' must have a number after the '=' that is not negative")
    return name, number


async def _unsent(_: Message) -> None:
    """Take an answer that nobody gets."""
