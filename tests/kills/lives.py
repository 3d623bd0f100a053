"""The life of a task whose process is killed once, at a random moment, until it has ended after all."""

from __future__ import annotations

import json
import os
import random
import signal
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from tests.kills import moments, processes, scheduling
from tests.kills.moments import Listener, Plan, Watch
from tests.kills.processes import Process
from tests.kills.scheduling import Scheduled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow.executors.workloads import ExecuteTask

How = Literal["kill", "redeploy"]
LONGEST_GRACE_SECONDS = 6.0
_MOST_STEPS = 60


@dataclass(frozen=True)
class Story:
    """What is to happen to a task.

    Args:
        run_id: The run whose task it is.
        task_id: ``blocking`` or ``deferred``; of runs of v1 and batch jobs with ``v1_`` or ``batch_`` before it.
        how: ``kill``: SIGKILL to the task's process, now and then to its supervisor as well; while it is deferred, to
            the process of its trigger. ``redeploy``: SIGTERM to its supervisor, and SIGKILL to all that is left of it
            after some seconds.
        job_seconds: How long its job takes.
    """

    run_id: str
    task_id: str
    how: How
    job_seconds: float


@dataclass(frozen=True)
class Life:
    """How a task fared.

    Args:
        run_id: The run whose task it is.
        task_id: The task.
        killed: Where its process was when it was killed, None if it never was.
        state: What it ended in.
        tries: How many tries that took.
        job: The name of the job that it returned.
        status: The status that it returned.
    """

    run_id: str
    task_id: str
    killed: str | None
    state: str
    tries: int
    job: str | None
    status: str | None


class Killer:
    """Has tasks executed one after the other, and kills each once.

    Args:
        folder: Its own, for database and logs.
        seed: Of its choices.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._chance = random.Random(seed)
        self._listener = Listener(folder)
        os.environ[moments.ADDRESS] = self._listener.address
        scheduling.use_a_copy_of_the_database(folder / "airflow.db")

    def live(self, story: Story) -> Life:
        """Execute a task until it succeeds or fails."""
        task = Scheduled.begin(story.run_id, story.task_id)
        plan = Plan.at_random(self._chance, waits_seconds=story.job_seconds)
        log = self._folder / f"{story.run_id}.log"
        killed: str | None = None
        for _ in range(_MOST_STEPS):
            if (state := task.state) in {"success", "failed"}:
                break
            if state == "deferred":
                killed = self._wait(task, story, log, killed)
                plan = Plan("resumed", self._chance.uniform(0, 0.1))
            else:
                killed = self._execute(task.queue(), story, plan, log, killed)
                if task.state in {"running", "queued"}:
                    task.heartbeats_stopped()
        returned = (task.value() if task.state == "success" else None) or {}
        name, status = returned.get("name"), returned.get("status")
        return Life(story.run_id, story.task_id, killed, task.state, task.try_number, name, status)

    def _execute(self, workload: ExecuteTask, story: Story, plan: Plan, log: Path, killed: str | None) -> str | None:
        self._listener.forget()
        os.environ["KILLS_JOB_SECONDS"] = str(story.job_seconds)
        process = processes.supervise(workload, log)
        if killed is None:
            watch = Watch(self._listener)
            told = watch.until(plan, has_ended=process.has_ended)
            if told is not None:
                killed = moments.MOMENTS[told.moment]
                self._end(process, told.pid, story.how)
        if not process.wait():
            process.vanish()
            raise AssertionError(f"{story.run_id}: a worker hangs; see {log}")
        return killed

    def _end(self, process: Process, pid: int, how: How) -> None:
        task = Process(pid, is_child=False)
        if how == "kill":
            task.kill()
            if self._chance.random() < 0.5:
                process.vanish()
            return
        process.kill(signal.SIGTERM)
        if not process.wait(self._chance.uniform(0.5, LONGEST_GRACE_SECONDS)):
            process.vanish()
        task.kill()

    def _wait(self, task: Scheduled, story: Story, log: Path, killed: str | None) -> str | None:
        process, event = processes.run_trigger(task.trigger(), log)
        if killed is None and not process.wait(self._chance.uniform(0.2, story.job_seconds)):
            killed = "while deferred"
            if story.how == "redeploy":
                process.kill(signal.SIGTERM)
            else:
                process.vanish()
        payload = event()
        if payload is not None:
            task.fire(payload)
        return killed


def live_side_by_side(stories: Sequence[Story], folder: Path, *, seed: int, beside: int = 4) -> list[Life]:
    """Have tasks executed, some beside each other, and answer how they fared."""
    scheduling.prepare()
    folder.mkdir(exist_ok=True)
    parts = [stories[number::beside] for number in range(beside)]
    killers = [
        (Process.fork(lambda part=part, number=number: _live(part, folder / str(number), seed + number), log), log)
        for number, part in enumerate(parts)
        for log in [folder / f"{number}.log"]
    ]
    for process, log in killers:
        assert process.wait(seconds=3600), f"killers hang; see {log}"
    told = [folder / str(number) / "lives.json" for number in range(beside)]
    missing = [log for (_, log), file in zip(killers, told, strict=True) if not file.exists()]
    assert not missing, missing[0].read_text(encoding="utf-8")[-3000:]
    return [Life(**life) for file in told for life in json.loads(file.read_text(encoding="utf-8"))]


def _live(stories: Sequence[Story], folder: Path, seed: int) -> int:
    killer = Killer(folder, seed)
    lives = [asdict(killer.live(story)) for story in stories]
    (folder / "lives.json").write_text(json.dumps(lives), encoding="utf-8")
    return 0
