"""Canary deployments whose process is killed at a moment, and goes on in another try, until they have ended."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlDeployModelOperator
from tests.operators.task_process import FORK, TaskProcess
from tests.rollouts.versions import CHECKS, deployment, deployments_of, traffic_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.hooks.azml import AzmlHook

STEPS = (20, 60, 100)
LONGEST_SECONDS = 300
_MOST_TRIES = 4


@dataclass(frozen=True)
class Story:
    """What is to happen to a canary deployment.

    Args:
        number: Tells it from others.
        deferrable: Whether it waits in a trigger.
        killed_after: When its process is killed, in seconds from its begin; of one that is deferred, the process of its
            trigger.
    """

    number: int
    deferrable: bool
    killed_after: float


@dataclass(frozen=True)
class Life:
    """How a canary deployment fared.

    Args:
        story: What was to happen.
        where: What was killed: ``task``, ``trigger``, or ``nothing`` where it had ended before.
        end: What its last try told its supervisor.
        traffic: Who gets how much.
        deployments: The states of all deployments that are there.
        seconds: How long it took.
        log: What its tries wrote.
    """

    story: Story
    where: str
    end: str
    traffic: dict[str, int]
    deployments: dict[str, str]
    seconds: float
    log: str

    @property
    def wrong(self) -> str:
        """What is not as it should be; empty when all is."""
        if self.end != "SucceedTask":
            return f"it ended with {self.end}"
        if set(self.traffic.values()) != {100}:
            return f"the traffic is {self.traffic}"
        if self.deployments != dict.fromkeys(self.traffic, "Succeeded"):
            return f"there are {self.deployments}, and the traffic is {self.traffic}"
        if not next(iter(self.traffic)).startswith(f"canary-{self.story.number}"):
            return f"the traffic goes to {self.traffic}"
        return ""


def canary(endpoint: str, folder: Path, story: Story) -> AzmlDeployModelOperator:
    """The task: a new version takes over in steps, and the old one is deleted."""
    with DAG(f"canary_{story.number}", schedule=None):
        return AzmlDeployModelOperator(
            task_id="deploy",
            spec={"name": f"canary-{story.number}", **deployment(VERSION=f"canary-{story.number}")},
            base_path=str(folder),
            endpoint_name=endpoint,
            strategy="canary",
            steps=STEPS,
            step_seconds=0.5,
            checks=CHECKS,
            remove_old=True,
            deferrable=story.deferrable,
            poll_seconds=0.2,
        )


def live(hook: AzmlHook, endpoint: str, folder: Path, story: Story) -> Life:
    """Execute a canary deployment, kill its process once, and execute on until it has ended."""
    begun = time.monotonic()
    killer = _Killer(canary(endpoint, folder, story), folder, begun + story.killed_after, begun + LONGEST_SECONDS)
    end = killer.execute()
    traffic, found = traffic_of(hook, endpoint), deployments_of(hook, endpoint)
    return Life(story, killer.where, end, traffic, found, time.monotonic() - begun, "\n".join(killer.logs))


@dataclass
class _Killer:
    """Executes a task, and kills what executes it once.

    Args:
        task: The task.
        folder: Where its logs go.
        moment: When, by :func:`time.monotonic`.
        deadline: When it has to have ended.
        where: What was killed.
        logs: What its tries wrote.
    """

    task: BaseOperator
    folder: Path
    moment: float
    deadline: float
    where: str = "nothing"
    logs: list[str] = field(default_factory=list)

    def execute(self) -> str:
        """Try until it has ended, and answer how."""
        tries, resumes = 1, None
        while tries <= _MOST_TRIES:
            end = self._try(tries, resumes)
            if end is not None and end["type"] == "DeferTask":
                resumes = (end["next_method"], {"event": self._event(end)})
            elif end is None or end["type"] == "RetryTask":
                tries, resumes = tries + 1, None
            else:
                return str(end["type"])
        return "too many tries"

    @property
    def _until(self) -> float:
        return self.moment if self.where == "nothing" else self.deadline

    def _try(self, number: int, resumes: Any) -> dict[str, Any] | None:
        """What a try told its supervisor last; ``None`` when it was killed."""
        process = TaskProcess(self.task, self.folder, try_number=number, max_tries=_MOST_TRIES, resumes=resumes)
        killed = _wait(lambda: process.is_alive, self._until)
        if not killed:
            end = process.end()
            self.logs.append(process.log)
            return end
        process.close()
        self.logs.append(f"{process.log}\n-- killed\n")
        assert self.where == "nothing", f"it does not end:\n{process.log}"
        self.where = "task"
        return None

    def _event(self, deferral: dict[str, Any]) -> Any:
        """What the trigger of a deferral fires, if need be in another process after one that was killed."""
        event = _triggered(deferral, self._until)
        if event is None:
            assert self.where == "nothing", f"the trigger does not fire:\n{deferral}"
            self.where = "trigger"
            event = _triggered(deferral, self.deadline)
        assert event is not None, f"the trigger does not fire:\n{deferral}"
        return event


def _wait(goes_on: Callable[[], bool], until: float) -> bool:
    """Wait for an end; whether the time was up first."""
    while goes_on():
        if time.monotonic() >= until:
            return True
        time.sleep(0.005)
    return False


def _triggered(deferral: dict[str, Any], until: float) -> Any:
    """What a trigger fires in a process of its own; ``None`` when that had to be killed."""
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_fire, args=(deferral["classpath"], _plain(deferral["trigger_kwargs"]), theirs))
    process.start()
    theirs.close()
    try:
        if _wait(lambda: not ours.poll(), until):
            return None
        return json.loads(ours.recv())
    finally:
        process.kill()
        process.join()
        ours.close()


def _fire(classpath: str, arguments: dict[str, Any], told: Connection) -> None:
    module, _, name = classpath.rpartition(".")
    trigger = getattr(import_module(module), name)(**arguments)

    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("it fires nothing")

    told.send(json.dumps(asyncio.run(first())))


def _plain(value: Any) -> Any:
    """What Airflow sends with its types written beside."""
    held = value["__var"] if isinstance(value, dict) and "__var" in value else value
    return {name: _plain(member) for name, member in held.items()} if isinstance(held, dict) else held
