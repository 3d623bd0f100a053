"""Clusters that CLI v1 made for one run, with target ``amlcompute``, as serverless compute of today.

Source: azureml-core 1.61, ``AmlComputeConfiguration``, and
https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.rules import lower
from airflow_provider_azml.spec.v1 import unsayable
from airflow_provider_azml.spec.v1.placed import gathered, kept, put
from airflow_provider_azml.spec.v1.translation import Remark
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.placed import Placed

TARGET = "amlcompute"
_SECTIONS = (TARGET, "amlCompute")
_PRIORITIES: Mapping[str, str | None] = {"dedicated": None, "lowpriority": "spot"}
_CHOSEN = "v1 made a cluster for the run; serverless compute of the same size takes its place"
_UNSAYABLE = (
    Unsayable(("retainCluster",), "v2 keeps no compute that it has made for a job; create a cluster, and name it"),
    Unsayable(("name",), "v2 gives the compute of a job no name; leave it out"),
)
_UNHEEDED = (Unsayable(("clusterMaxNodeCount",), "not sent: as many nodes as the job asks for are taken"),)


def is_asked_for(runconfig: Source) -> bool:
    """Whether a run configuration asks for a cluster of its own."""
    return lower(runconfig.value.get("target")) == TARGET


def problems(runconfig: Source) -> Iterator[Problem]:
    """What is wrong with the cluster that a run configuration asks for, and what v2 cannot say of it."""
    given = _section(runconfig)
    yield from unsayable.problems(given, [row._replace(defaults=(False,)) for row in _UNSAYABLE])
    yield from unsayable.problems(given, _UNHEEDED, severity="note")
    if is_unset(given.value.get("vmSize")):
        yield runconfig.problem((TARGET,), "'vmSize' is missing: the size of the cluster's nodes", at_key=True)
    priority = given.value.get("vmPriority")
    if not is_unset(priority) and lower(priority) not in _PRIORITIES:
        yield given.problem(("vmPriority",), f"is {priority!r}; it must be one of {', '.join(_PRIORITIES)}")


def members(runconfig: Source, resources: Placed | None) -> Mapping[str, Placed | None]:
    """The keys of a job that say what serverless compute it runs on.

    Args:
        runconfig: The run configuration.
        resources: What the job asks for besides.
    """
    given = _section(runconfig)
    size = kept(given, "vmSize")
    asked = {} if resources is None else resources.value
    marks = {} if resources is None else resources.marks.inside
    own = {key: put(value, runconfig)._replace(marks=marks.get(key, given.marks)) for key, value in asked.items()}
    tier = _PRIORITIES[lower(given.value.get("vmPriority") or "dedicated")]
    return {
        "resources": gathered({**own, "instance_type": size}, given),
        "queue_settings": None if tier is None else put({"job_tier": tier}, given, "vmPriority"),
    }


def remark() -> Remark:
    """The choice that was made."""
    return Remark((), _CHOSEN)


def _section(runconfig: Source) -> Source:
    return next((runconfig.at(key) for key in _SECTIONS if runconfig.value.get(key)), runconfig.at(TARGET))
