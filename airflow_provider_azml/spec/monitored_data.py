"""The data that a monitor looks at: what the file names, or else what the deployment collects."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import flows
from airflow_provider_azml.spec import environments, job_io, references
from airflow_provider_azml.spec.needs import Named, Need
from airflow_provider_azml.spec.rules import Rule, lower, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

_DEFAULT = "default"
_NOW = "P0D"
_RULES = (
    Rule("data_context", "dataContext", lower),
    Rule("data_column_names", "columns", sendable),
)


@dataclass(frozen=True)
class DataCollector(Need):
    """What a deployment collects, as JSON: collection -> id of its data asset, or null while it is off."""

    deployment: str | Named

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Look it up.

        Source: azure-ai-ml 1.35.2; deployments of before it had a data collector say the same in tags.
        """
        arm_id = self.deployment if isinstance(self.deployment, str) else self.deployment.id_in(target)
        found = yield from flows.get(arm_id)
        collector = (found.get("properties") or {}).get("dataCollector") or {}
        collected = {
            name: given.get("dataId") if lower(given.get("dataCollectionMode")) == "enabled" else None
            for name, given in (collector.get("collections") or {}).items()
        }
        return json.dumps({**_tagged(found.get("tags") or {}, target), **collected})


@dataclass(frozen=True)
class Collected(Need):
    """The data asset of one collection of a deployment."""

    collector: DataCollector
    collection: str
    otherwise: Problem = field(compare=False)

    def sends(self) -> Json:
        """What has to be known first."""
        return {"collected": self.collector}

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (the body says it all)
        """Pick it.

        Raises:
            SpecError: The deployment does not collect it.
        """
        yield from ()
        found = json.loads(body["collected"]).get(self.collection)
        if not found:
            raise SpecError([self.otherwise])
        return str(found)


@dataclass(frozen=True)
class CollectedType(Need):
    """The type of the data asset of a collection."""

    data: Collected

    def sends(self) -> Json:
        """What has to be known first."""
        return {"id": self.data}

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (the body says it all)
        """Look it up."""
        found = yield from flows.get(body["id"])
        return str((found.get("properties") or {}).get("dataType") or "uri_folder")


@dataclass(frozen=True)
class Watched:
    """What a monitor watches.

    Args:
        days: Days between two runs, and so of the data that each looks at.
        deployment: The deployment, if it watches one.
    """

    days: int
    deployment: str | Named | None

    @property
    def period(self) -> str:
        """The data of one run."""
        return f"P{self.days}D"

    @property
    def two_periods(self) -> str:
        """The data of two runs."""
        return f"P{2 * self.days}D"


def production(data: Source, watched: Watched) -> Json:
    """The data of which a monitor judges; where its file says ``default``, that of one run."""
    window = data.at("data_window").value
    size, offset = window.get("lookback_window_size"), window.get("lookback_window_offset")
    return {
        **_about(data),
        **_preprocessing(data),
        "inputDataType": "Trailing",
        "windowSize": watched.period if size in {None, _DEFAULT} else size,
        "windowOffset": _NOW if offset in {None, _DEFAULT} else offset,
    }


def reference(data: Source, watched: Watched) -> Json:
    """The data that a monitor compares with: a window that moves, one that does not, or all of it."""
    window = data.at("data_window").value
    size, offset = window.get("lookback_window_size"), window.get("lookback_window_offset") or _NOW
    if size:
        return {
            **_about(data),
            **_preprocessing(data),
            "inputDataType": "Trailing",
            "windowSize": watched.two_periods if size == _DEFAULT else size,
            "windowOffset": watched.period if offset == _DEFAULT else offset,
        }
    start, end = window.get("window_start"), window.get("window_end")
    if start and end:
        static = {"windowStart": f"{start}T00:00:00.000Z", "windowEnd": f"{end}T00:00:00.000Z"}
        return {**_about(data), **_preprocessing(data), "inputDataType": "Static", **static}
    return {**_about(data), "inputDataType": "Fixed"}


def collected(signal: Source, watched: Watched, collection: str, *, before: bool = False) -> Json:
    """What the deployment collects, of the last run, or of the two before it to compare with."""
    reason = f"is no signal without data: the deployment does not collect {collection}; turn that on, or name the data"
    data = Collected(DataCollector(watched.deployment or ""), collection, signal.problem((), reason, at_key=True))
    window = {"windowSize": watched.period, "windowOffset": _NOW}
    if before:
        window = {"windowSize": watched.two_periods, "windowOffset": watched.period}
    return {"jobInputType": CollectedType(data), "uri": data, "inputDataType": "Trailing", **window}


def unresolved(data: Source, watched: Watched) -> Json:
    """Data of a custom signal, whose registered assets the service itself looks up.

    Source: azure-ai-ml 1.35.2 sends what stands after ``azureml:``.
    """
    body, where = reference(data, watched), str(data.at("input_data").value["path"])
    return {**body, "uri": where.removeprefix(references.PREFIX)} if references.is_registered(where) else body


def problems(data: Source, *, moving: bool) -> Iterator[Problem]:
    """What is wrong with data besides what the schema says.

    Args:
        data: The data.
        moving: Whether its window has to move with the runs.
    """
    yield from job_io.input_problems(data, ("input_data",))
    component = data.value.get("pre_processing_component")
    if isinstance(component, str):
        yield from environments.reference_problems(data, ("pre_processing_component",), component, "component")
    window = data.at("data_window")
    for key in ("window_start", "window_end"):
        given = window.value.get(key)
        if moving and given is not None:
            reason = "is for data to compare with; give lookback_window_size and lookback_window_offset"
            yield window.problem((key,), reason, at_key=True)
        elif isinstance(given, str) and not _is_day(given):
            yield window.problem((key,), f"{given!r:.80} is no day; write '2026-01-31'")


def _is_day(text: str) -> bool:
    try:
        dt.datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 (a day)
    except ValueError:
        return False
    return True


def _about(data: Source) -> Json:
    given = data.at("input_data").value
    kind = lower(given.get("type") or "uri_folder")
    return {**translated(data.value, _RULES), "jobInputType": kind, "uri": job_io.data_uri(data, given)}


def _preprocessing(data: Source) -> Json:
    component = data.value.get("pre_processing_component")
    return {"preprocessingComponentId": references.asset(component, "component")} if component else {}


def _tagged(tags: Json, target: Target) -> dict[str, str]:
    result = {}
    for name in ("model_inputs", "model_outputs"):
        about = f"data_collector.collections.{name}"
        asset, version = tags.get(f"{about}.data.name"), tags.get(f"{about}.data.version")
        if lower(tags.get(f"{about}.enabled")) == "true" and asset and version:
            result[name] = target.workspace.child("data", str(asset), str(version))
    return result
