"""What it means that the process of a task is asked to end: somebody ended the task, or its worker goes away.

Airflow's handler of SIGTERM runs ``on_kill`` in the main thread, between any two instructions of what it interrupts,
and the task goes on afterwards. What is interrupted may hold a lock: of the log, of the way to Airflow's API, of a
connection. So whatever takes a lock is done in another thread, which is waited for with a limit.
"""

from __future__ import annotations

import _thread
import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.hooks.task_state import ENDED, GONE, state_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk.types import Logger, RuntimeTaskInstanceProtocol

Verdict = Literal["leave", "cancel"]
VERDICTS: tuple[Verdict, ...] = ("leave", "cancel")

KILL_SECONDS = 4.0
"""How long ``on_kill`` may take: Airflow sends SIGKILL 5 s after SIGTERM."""
_STATE_SECONDS, _LATE_SECONDS = 2.0, 30.0
_NOT_KNOWN = "in a state that Airflow does not tell"
_GOES_ON = frozenset({"running", "up_for_retry"})
"""States of a task whose result is still wanted; ``up_for_retry`` is that of one whose heartbeats were missed."""
_ENDED = ENDED | {"restarting", GONE}
"""States of a task that somebody ended, or that is to begin anew."""


@dataclass(frozen=True)
class Orders:
    """What the user wants to become of a job.

    Args:
        cancel_on_kill: Whether it is ever cancelled.
        on_worker_shutdown: What becomes of it when the worker goes away and the task is not ended.
    """

    cancel_on_kill: bool = True
    on_worker_shutdown: Verdict = "leave"


class Kill:
    """Whether the task was asked to end, and what that means for its job.

    Args:
        ti: The task instance.
        orders: What the user wants.
        log: The task's log.
    """

    def __init__(self, ti: RuntimeTaskInstanceProtocol, orders: Orders, log: Logger) -> None:
        self._ti = ti
        self._orders = orders
        self._log = log
        self._deciding = _thread.allocate_lock()
        self.asked = False
        self.verdict: Verdict | None = None
        self.handed_over = False
        """Whether a trigger watches the job, so that this process does not matter to it."""

    def ask(self, then: Callable[[Verdict], None]) -> None:
        """Ask the task to end: find out what that means, and do it. For handlers of signals; back within seconds.

        Args:
            then: What to do, in another thread.
        """
        self.asked = True
        self._deciding = decided = _locked()

        def decide() -> None:
            question = _Question(self._ti, self._log)
            try:
                self._decide(question.answer(_STATE_SECONDS), then)
            finally:
                decided.release()
            # what is interrupted may have held the way to Airflow's API until now
            if question.is_open and question.answer(_LATE_SECONDS):
                self._decide(question.answer(), then)

        _start(decide)
        _await(decided, KILL_SECONDS)

    def decided(self) -> Verdict:
        """What the job's fate is, once that is known; for the task itself, not for handlers."""
        _await(self._deciding, KILL_SECONDS)
        self.verdict = self.verdict or self._judged(None)
        return self.verdict

    def has_ended(self) -> bool:
        """Whether Airflow says that somebody has ended the task, although nobody has asked this process to end yet."""
        return _state_of(self._ti, self._log) in _ENDED

    def _decide(self, state: str | None, then: Callable[[Verdict], None]) -> None:
        try:
            verdict = "cancel" if self.verdict == "cancel" else self._judged(state)
            then(verdict)
            self.verdict = verdict  # last: once it is known, the task itself ends
        except Exception:  # noqa: BLE001 (nobody else could tell of it)
            self._log.exception("What becomes of the job could not be decided")

    def _judged(self, state: str | None) -> Verdict:
        if not self._orders.cancel_on_kill:
            return self._told("leave", "cancel_on_kill is off")
        if self.handed_over:
            return self._told("cancel" if state in _ENDED else "leave", f"it is {state or _NOT_KNOWN}")
        if state in _GOES_ON:
            return self._told(self._orders.on_worker_shutdown, f"it is {state}, so its worker goes away")
        if state is None:
            return self._told("cancel" if self._is_last else self._orders.on_worker_shutdown, f"it is {_NOT_KNOWN}")
        return self._told("cancel", f"its state is {state}")

    @property
    def _is_last(self) -> bool:
        """Whether no try comes after this one."""
        return self._ti.try_number > self._ti.max_tries

    def _told(self, verdict: Verdict, reason: str) -> Verdict:
        act = "its job is not wanted any more" if verdict == "cancel" else "its job goes on"
        if verdict == "leave" and not self.handed_over:
            act += ", and no try is left to take it up" if self._is_last else ", for the next try to take up"
        self._log.warning("The task is asked to end; %s: %s", reason, act)
        return verdict


class _Question:
    """A question for the state of a task, asked in a thread of its own."""

    def __init__(self, ti: RuntimeTaskInstanceProtocol, log: Logger) -> None:
        self._ti, self._log = ti, log
        self._state: str | None = None
        self._answered = _locked()
        _start(self._ask)

    def answer(self, seconds: float = 0) -> str | None:
        """The state, if it is told within so many seconds."""
        _await(self._answered, seconds)
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether there is neither an answer nor an error yet."""
        return self._answered.locked()

    def _ask(self) -> None:
        try:
            # no lock keeps questions apart before Airflow 3.2: the first answer may be one that the task waits for
            self._state = _state_of(self._ti, self._log) or _state_of(self._ti, self._log)
        finally:
            self._answered.release()


def _state_of(ti: RuntimeTaskInstanceProtocol, log: Logger) -> str | None:
    """The state that Airflow has of a task, if it tells it."""
    try:
        states = ti.get_task_states(
            dag_id=ti.dag_id, map_index=ti.map_index, task_ids=[ti.task_id], run_ids=[ti.run_id]
        )
        return state_in(states, ti)
    except Exception as error:  # noqa: BLE001 (whatever it is, there is no answer)
        log.warning("Airflow does not tell the state of the task: %s", error)
        return None


def _start(work: Callable[[], None]) -> None:
    """Start a thread; ``threading.Thread`` takes a lock for that, which the interrupted main thread may hold."""
    _thread.start_new_thread(contextvars.copy_context().run, (work,))


def _locked() -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _await(lock: _thread.LockType, seconds: float) -> None:
    """Wait until a lock is released, for so long at most."""
    if lock.acquire(timeout=seconds):
        lock.release()
