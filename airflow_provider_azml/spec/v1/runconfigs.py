"""Run configurations of CLI v1: what a script runs in and on.

Source: ``runconfigschema.json`` of microsoft/MLOps, and what azureml-core 1.61 (``azureml.core.runconfig``) reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.rules import lower
from airflow_provider_azml.spec.v1 import environments, unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.source import Source

SCHEMA = "v1_runconfig.schema.json"
ENDING = ".runconfig"
LOCAL = "local"
_MPI = frozenset({"openmpi", "intelmpi", "mpi"})
_TORCH = frozenset({"nccl", "gloo"})
_NO_PYSPARK = "v2 runs Spark as jobs of type spark; write this step as one"
_UNSAYABLE = (
    Unsayable(("priority",), "v2 gives priorities to queues alone; leave it out"),
    Unsayable(("history", "outputCollection"), "v2 always keeps outputs and logs; leave it out", (True,)),
    Unsayable(("history", "snapshotProject"), "v2 always keeps the code; leave it out", (True,)),
    Unsayable(
        ("history", "directoriesToWatch"),
        "v2 uploads the folders outputs and logs alone; write there",
        (["logs"], ["outputs"], ["logs", "outputs"], ["outputs", "logs"]),
    ),
    Unsayable(("docker", "sharedVolumes"), "v2 always shares volumes", (True,)),
    Unsayable(("sourceDirectoryDataStore",), "v2 keeps code in the workspace's own datastore; leave it out"),
    Unsayable(("datacaches",), "v2 has no caches of data; take the data as an input"),
    Unsayable(("applicationEndpoints",), "v2 calls them services, of a command job; write the job as one"),
    Unsayable(("autoClusterComputeSpecification",), "v2 makes no cluster for a run; name one, or serverless"),
)
_TARGETS: Mapping[str, str] = {
    "amlcompute": "v2 makes no cluster for a run; name a compute, or serverless",
    "containerinstance": "v2 runs no jobs on container instances; name a compute, or serverless",
}


@dataclass(frozen=True)
class RunConfig:
    """A run configuration.

    Args:
        source: Its file.
        code: Folder of the code that it is for.
    """

    source: Source
    code: Path

    @property
    def environment(self) -> Source:
        """Its environment."""
        return self.source.at("environment")

    @property
    def interpreter(self) -> str:
        """The Python that runs scripts."""
        return environments.interpreter(self.environment)

    @property
    def target(self) -> Placed | None:
        """The compute that it names; ``None`` for this machine."""
        found = kept(self.source, "target")
        return None if found is None or found.value in (LOCAL, "") else found

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it, and what v2 cannot say."""
        source = self.source
        yield from validate.problems(source, SCHEMA)
        yield from unsayable.problems(source, _UNSAYABLE)
        yield from environments.problems(self.environment, self._folders)
        target = lower(source.value.get("target"))
        if target in _TARGETS:
            yield source.problem(("target",), _TARGETS[target])
        framework, communicator = self._word("framework"), self._word("communicator")
        if framework == "pyspark":
            yield source.problem(("framework",), _NO_PYSPARK)
        if communicator == "paralleltask":
            yield source.problem(("communicator",), "v2 has no such tasks; write a parallel job")
        elif framework == "cntk" and communicator not in ("none", *_MPI):
            yield source.problem(("communicator",), "with CNTK there is MPI alone")
        elif communicator in _TORCH and framework not in ("pytorch", "python"):
            yield source.problem(("communicator",), f"counts with framework PyTorch, and this is {framework}")
        count, nodes = self._number("pytorch", "processCount"), self._nodes.value
        if communicator in _TORCH and count and count % nodes:
            yield source.problem(("pytorch", "processCount"), f"must be a multiple of the nodes, which are {nodes}")

    def translated(self, base: Path) -> Mapping[str, Placed | None]:
        """The keys of a command job that it becomes, without those that it leaves as they are.

        Args:
            base: Folder that paths of the new file start from.
        """
        return {
            "environment": self._environment(base),
            "environment_variables": unless_empty(gathered(self._variables, self.source, "environmentVariables")),
            "distribution": self._distribution,
            "resources": unless_empty(gathered(self._resources, self.source)),
            "limits": self._limits,
            "identity": self._identity,
        }

    @property
    def _folders(self) -> list[Path]:
        return environments.folders_of(self.source, self.code)

    def _environment(self, base: Path) -> Placed:
        if is_unset(self.source.value.get("environment")):
            return environments.default(self.source)
        return environments.translated(self.environment, self._folders, base)

    @property
    def _variables(self) -> dict[str, Placed]:
        return {**environments.variables(self.environment), **environments.variables(self.source)}

    @property
    def _resources(self) -> dict[str, Placed]:
        found = {**environments.container(self.environment), **environments.container(self.source)}
        if self._nodes.value != 1:
            found["instance_count"] = self._nodes
        size = kept(self.source, "kubernetescompute", "instanceType")
        return {**found, "instance_type": size} if size and size.value else found

    @property
    def _nodes(self) -> Placed:
        """How many nodes it asks for: it may say so in three places."""
        section = {**dict.fromkeys(_MPI, "mpi"), **dict.fromkeys(_TORCH, "pytorch")}.get(self._word("communicator"))
        places: list[Place] = [("nodeCount",), *([(section, "nodeCount")] if section else [])]
        more = [place for place in places if self._number(*map(str, place)) not in (None, 1)]
        place = (more or places)[0]
        return put(self._number(*map(str, place)) or 1, self.source, *place)

    @property
    def _distribution(self) -> Placed | None:
        word = self._word("communicator")
        if word in _MPI:
            members = {"type": "mpi", "process_count_per_instance": self._number("mpi", "processCountPerNode") or 1}
            return put(members, self.source, "communicator")
        if word in _TORCH:
            count = self._number("pytorch", "processCount") or self._nodes.value
            members = {"type": "pytorch", "process_count_per_instance": count // self._nodes.value}
            return put(members, self.source, "communicator")
        if word == "parameterserver":
            servers, workers = (self._number("tensorflow", key) or 1 for key in ("parameterServerCount", "workerCount"))
            members = {"type": "tensorflow", "parameter_server_count": servers, "worker_count": workers}
            return put(members, self.source, "communicator")
        return None

    @property
    def _limits(self) -> Placed | None:
        seconds = self._number("maxRunDurationSeconds")
        return put({"timeout": seconds}, self.source, "maxRunDurationSeconds") if seconds else None

    @property
    def _identity(self) -> Placed | None:
        if self.source.value.get("credentialPassthrough") is not True:
            return None
        return put({"type": "user_identity"}, self.source, "credentialPassthrough")

    def _word(self, key: str) -> str:
        return lower(self.source.value.get(key) or {"framework": "python"}.get(key, "none"))

    def _number(self, *path: str) -> int | None:
        found = str(self.source.value_at(path))
        return int(found) or None if found.isascii() and found.isdigit() else None


def read(source: Source, path: Place, code: Path) -> RunConfig:
    """The run configuration that a file names, with its ending or without.

    Args:
        source: The file.
        path: Where it names it.
        code: Folder of the code that it is for.

    Raises:
        SpecError: It cannot be read.
    """
    named = str(source.value_at(path)).replace("\\", "/")
    ends = not source.local(named).is_file() and source.local(named + ENDING).is_file()
    return RunConfig(source.pulled(named + ENDING if ends else named, at=path), code)


def found(source: Source, path: Place, code: Path) -> RunConfig | SpecError | None:
    """As :func:`read`, but with the reason where it cannot be read, and ``None`` where none is named."""
    if is_unset(source.value_at(path)):
        return None
    try:
        return read(source, path, code)
    except SpecError as error:
        return error
