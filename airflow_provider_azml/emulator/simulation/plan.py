"""How a simulated job goes, by the properties of the job itself."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.jobs.records import JobFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

FINAL = ("Completed", "Failed", "Canceled", "NotResponding")
_BYTES_PER_LINE, _DIGITS = 100, 8
_KNOWN = (
    "simulate.seconds",
    "simulate.queue_seconds",
    "simulate.status",
    "simulate.error",
    "simulate.log_lines",
    "simulate.log_bytes_per_second",
    "simulate.metric",
)


class PlanError(ValueError):
    """A job says something about its simulation that cannot be."""


@dataclass(frozen=True)
class Plan:
    """How a simulated job goes.

    Args:
        queue_seconds: How long it is Queued, beside what it waits for nodes.
        seconds: How long it is Running.
        failure: How it ends, when it does not complete.
        lines: How many lines of log it writes, evenly over the time that it runs.
        metric: The metric that it logs when it is a trial of a sweep; the sweep's primary one when not given.
    """

    queue_seconds: float
    seconds: float
    failure: JobFailure | None
    lines: int
    metric: str | None

    def lines_after(self, seconds: float) -> int:
        """How many lines it has written some time after it began to run."""
        return self.lines if seconds >= self.seconds else math.floor(self.lines * seconds / self.seconds)


def plan_of(properties: Mapping[str, object], seconds: float) -> Plan:
    """The plan that a job has, by the ``properties`` of its properties.

    Args:
        properties: ``simulate.seconds``, ``simulate.queue_seconds``, ``simulate.status``, ``simulate.error`` (a JSON
            object), ``simulate.log_lines`` or ``simulate.log_bytes_per_second``, ``simulate.metric``; anything else is
            the job's own affair.
        seconds: How long it runs when it does not say.

    Raises:
        PlanError: One of them is unknown or wrong.

    Example:
        >>> plan_of({"simulate.seconds": "90", "simulate.status": "Failed"}, 5).failure.status
        'Failed'
    """
    unknown = sorted(name for name in properties if name.startswith("simulate.") and name not in _KNOWN)
    if unknown:
        raise PlanError(f"the property '{unknown[0]}' is none of {', '.join(_KNOWN)}")
    running = _number(properties, "simulate.seconds", seconds)
    return Plan(
        queue_seconds=_number(properties, "simulate.queue_seconds", 0),
        seconds=running,
        failure=_failure(properties),
        lines=_lines(properties, running),
        metric=str(properties["simulate.metric"]) if "simulate.metric" in properties else None,
    )


def _number(properties: Mapping[str, object], name: str, default: float) -> float:
    given = properties.get(name)
    if given is None:
        return default
    try:
        number = float(str(given))
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise PlanError(f"the property '{name}' must be a number that is not negative, not {given!r}")
    return number


def _lines(properties: Mapping[str, object], seconds: float) -> int:
    lines = _number(properties, "simulate.log_lines", 0)
    size = _number(properties, "simulate.log_bytes_per_second", 0) * seconds
    if lines and size:
        raise PlanError("'simulate.log_lines' and 'simulate.log_bytes_per_second' exclude each other")
    return math.ceil(lines or size / _BYTES_PER_LINE)


def lines(numbers: range, job: str) -> bytes:
    """Lines of the log of a simulated job; all are equally long.

    Args:
        numbers: Which of them.
        job: Name of the job.

    Example:
        >>> lines(range(1, 3), "train").splitlines()[1][:28]
        b'       2 simulated line of t'
    """
    text = f" simulated line of {job[:60]} ".ljust(_BYTES_PER_LINE - _DIGITS - 1, ".").replace("%", "%%")
    # as there may be a million of them, no step of Python's own is taken for each
    return b"".join(map(f"%{_DIGITS}d{text}\n".encode().__mod__, numbers))


def _failure(properties: Mapping[str, object]) -> JobFailure | None:
    error = properties.get("simulate.error")
    status = str(properties.get("simulate.status") or ("Completed" if error is None else "Failed"))
    if status not in FINAL:
        raise PlanError(f"the property 'simulate.status' must be one of {', '.join(FINAL)}, not '{status}'")
    if status == "Completed":
        if error is not None:
            raise PlanError("'simulate.error' is for a job whose 'simulate.status' is Failed")
        return None
    said: Json = {"code": "UserError", "message": f"The job ended {status}, as its simulate.status asks for."}
    said |= _json_object(str(error)) if error is not None else {}
    more = {name: value for name, value in said.items() if name not in ("code", "message")}
    return JobFailure(str(said["code"]), str(said["message"]), status=status, more=more)


def _json_object(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise PlanError(f"the property 'simulate.error' must be a JSON object with code and message, not {text!r}")
    return value
