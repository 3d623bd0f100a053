"""Steps that ran on other services than Azure Machine Learning; no AML job of today can have them.

They become nodes of types of their own, which a DAG runs with the operators of those services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import runconfigs, scripts, unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.steps import Step

DATABRICKS, AZURE_BATCH, DATA_TRANSFER = "databricks", "azure_batch", "data_transfer_v1"
SOURCE, DESTINATION = "source_data_reference", "destination_data_reference"
IMAGE = "urn:MicrosoftWindowsServer:WindowsServer:2012-R2-Datacenter"
"""What v1 made pools of where nothing is said."""
_IMAGE = ("publisher", "offer", "sku")
_UBUNTU = re.compile(r"(\d\d)[._]04")
SCRIPT = "python_script_name"
_RUN = ("notebook_path", "python_script_path", "main_class_name", SCRIPT)
"""Settings that tell what Databricks runs."""
_OF_CLUSTERS = (
    Unsayable(("environment", "databricks"), "say in the step what the cluster is: spark_version, node_type..."),
)
_LIBRARIES = "v1 did not read libraries from YAML; install them on the cluster"
_COMMON = frozenset({
    "type", "name", "version", "compute", "inputs", "outputs", "parameters", "arguments",
    "allow_reuse", "hash_paths", "runconfig", "adla_compute_name", SOURCE, DESTINATION,
})  # fmt: skip
"""Keys that are no settings of the other service."""


class Foreign(NamedTuple):
    """A type of such steps.

    Args:
        node: Type of the node.
        service: What it ran on.
        unsayable: What cannot be said to that service by a task.
    """

    node: str
    service: str
    unsayable: tuple[Unsayable, ...]


TYPES: Mapping[str, Foreign] = {
    "DatabricksStep": Foreign(
        DATABRICKS,
        "Azure Databricks",
        (
            Unsayable(("permit_cluster_restart",), "Databricks starts a cluster that is stopped by itself"),
            *(
                Unsayable((f"{kind}_{word}",), _LIBRARIES)
                for kind, word in (
                    ("maven", "libabries"),
                    ("pypi", "libraries"),
                    ("egg", "libraries"),
                    ("jar", "libraries"),
                    ("rcran", "libabries"),
                )
            ),
        ),
    ),
    "AzureBatchStep": Foreign(
        AZURE_BATCH,
        "Azure Batch",
        (
            Unsayable(("run_task_as_admin",), "set up the pool so that its user may do what it must", (False,)),
            Unsayable(("is_positive_exit_code_failure",), "Azure Batch takes it for a failure", (True,)),
        ),
    ),
    "DataTransferStep": Foreign(DATA_TRANSFER, "Azure Data Factory", ()),
}
"""Types of steps that AML sent elsewhere."""
SERVICES = {row.node: row.service for row in TYPES.values()}
"""Type of node -> what it runs on."""
ALIASES = {"DatabricsStep": "DatabricksStep"}
"""As the documentation of v1 misspelt them."""


@dataclass(frozen=True)
class ForeignStep:
    """A step that ran on another service.

    Args:
        step: The step.
    """

    step: Step

    @property
    def row(self) -> Foreign:
        """Its type."""
        return TYPES[ALIASES.get(self.step.type, self.step.type)]

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it."""
        step, source = self.step, self.step.source
        yield from step.problems()
        yield from unsayable.problems(source, self.row.unsayable)
        if self.row.node == DATA_TRANSFER:
            yield from step.data_problems(SOURCE)
        if self.row.node == AZURE_BATCH:
            yield from self._batch_problems()
        if self.row.node == DATABRICKS:
            yield from self._databricks_problems()

    def _databricks_problems(self) -> Iterator[Problem]:
        """What a task of Databricks cannot be told."""
        step, source = self.step, self.step.source
        if len([key for key in _RUN if not is_unset(source.value.get(key))]) != 1:
            yield source.problem((), f"one of {', '.join(_RUN)} is needed: what is run", at_key=True)
        script, folder = source.value.get(SCRIPT), source.value.get("source_directory")
        if not is_unset(folder) and is_unset(script):
            yield source.problem(("source_directory",), f"counts with {SCRIPT} alone", at_key=True)
        if not is_unset(script):
            if is_unset(folder):
                yield source.problem((SCRIPT,), "counts with source_directory, which is missing", at_key=True)
            else:
                named = str(script).replace("\\", "/")
                yield from scripts.problems(source, (SCRIPT,), named, step.code_folder, step.code)
        runconfig = runconfigs.found(source, ("runconfig",), step.code_folder)
        if isinstance(runconfig, SpecError):
            yield from runconfig.problems
        elif runconfig is not None:
            yield from unsayable.problems(runconfig.source, _OF_CLUSTERS)

    def _batch_problems(self) -> Iterator[Problem]:
        """What a task of Azure Batch cannot be told."""
        source = self.step.source
        if agent(source.value.get("vm_image_urn")) is None:
            reason = "must be urn:publisher:offer:sku of Windows Server, or of Ubuntu by Canonical"
            yield source.problem(("vm_image_urn",), reason)
        given = source.value.get("arguments")
        named = set(map(str, given)) if isinstance(given, list) else set()
        for key, word in (("inputs", "input"), ("outputs", "output")):
            for name in self.step.names(key):
                if f"{word}:{name}" not in named:
                    reason = f"v1 copied it to or from a folder; name it in arguments by {word}:{name}, for its URL"
                    yield source.problem((key, name), reason, at_key=True)

    def node(self) -> Placed:
        """The node that stands for it: data and parameters as of any node, and settings as v1 called them."""
        step, source = self.step, self.step.source
        settings = {key: kept(source, key) for key in source.value if key not in _COMMON}
        inputs, outputs = dict(step.inputs()), dict(step.outputs())
        if self.row.node == DATA_TRANSFER:
            name = step.names(SOURCE)[0]
            inputs["source"] = step.data(SOURCE, name)
            inputs |= self._destination()
            outputs |= {} if "destination" in inputs else {"destination": put(None, source, DESTINATION)}
        return gathered(
            {
                "type": put(self.row.node, source, "type"),
                "display_name": step.display_name(),
                "compute": step.compute(),
                "inputs": unless_empty(gathered(inputs, source, "inputs")),
                "outputs": unless_empty(gathered(outputs, source, "outputs")),
                "arguments": kept(source, "arguments"),
                "settings": unless_empty(gathered(settings, source)),
            },
            source,
        )

    def _destination(self) -> dict[str, Placed]:
        """What is written to, where the pipeline is given it; other destinations are outputs of the step."""
        name = self.step.names(DESTINATION)[0]
        target = str(self.step.source.value_at((DESTINATION, name, "source")))
        return {"destination": self.step.data(DESTINATION, name)} if self.step.pipeline.is_data(target) else {}


def agent(image: object) -> str | None:
    """The agent of Azure Batch for an image; ``None`` for one that has none known here.

    Args:
        image: ``urn:publisher:offer:sku``; without one, that which v1 took.

    Example:
        >>> agent("urn:Canonical:0001-com-ubuntu-server-jammy:22_04-lts")
        'batch.node.ubuntu 22.04'
    """
    urn, *parts = str(IMAGE if is_unset(image) else image).split(":")
    if urn != "urn" or len(parts) != len(_IMAGE):
        return None
    publisher, _, sku = parts
    if publisher.lower() == "microsoftwindowsserver":
        return "batch.node.windows amd64"
    release = _UBUNTU.match(sku)
    return f"batch.node.ubuntu {release[1]}.04" if publisher.lower() == "canonical" and release else None


def nodes_of(source: Source) -> Mapping[str, str]:
    """The nodes of a pipeline job that stand for such steps, by name -> what they run on."""
    jobs = mapping(source.value.get("jobs"))
    types = {str(name): lower(mapping(node).get("type")) for name, node in jobs.items()}
    return {name: SERVICES[kind] for name, kind in types.items() if kind in SERVICES}


def problems_of_job(source: Source) -> Iterator[Problem]:
    """Why a pipeline with such nodes cannot be submitted as one AML job."""
    for name, service in nodes_of(source).items():
        reason = (
            f"runs on {service}, for which AML has no node since CLI v1; a DAG with render='tasks' runs it with the "
            "operator of that service"
        )
        yield source.problem(("jobs", name), reason, at_key=True)


def with_stand_ins(source: Source) -> Source:
    """The pipeline with commands in place of such nodes, so that all else in it can be checked as ever."""
    found = nodes_of(source)
    if not found:
        return source
    jobs: Json = dict(mapping(source.value.get("jobs")))
    for name in found:
        node = mapping(jobs[name])
        kept_keys = {key: node[key] for key in ("display_name", "compute", "inputs", "outputs") if key in node}
        jobs[name] = {"type": "command", "command": "true", "environment": "azureml:none:1", **kept_keys}
    return replace(source, value={**source.value, "jobs": jobs})
