"""Run configurations of CLI v1: what a script runs in and on.

Source: ``runconfigschema.json`` of microsoft/MLOps, and what azureml-core 1.61 (``azureml.core.runconfig``) reads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.local_paths import is_file
from airflow_provider_azml.spec.rules import lower
from airflow_provider_azml.spec.v1 import environments, unsayable
from airflow_provider_azml.spec.v1.camel_keys import in_camel_case
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.unheeded import UNHEEDED
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.source import Source

SCHEMA = "v1_runconfig.schema.json"
ENDING = ".runconfig"
LOCAL = "local"
MPI = frozenset({"openmpi", "intelmpi", "mpi"})
TORCH = frozenset({"nccl", "gloo"})
"""Communicators, as files write them in any case."""
_OLDER_FRAMEWORKS: Mapping[str, tuple[str, str]] = {
    "tensorflowparameterserver": ("tensorflow", "parameterserver"),
    "pythonmpi": ("python", "openmpi"),
    "pythonintelmpi": ("python", "intelmpi"),
}
"""Frameworks of older files -> framework and communicator that they stand for."""
_TELLING = frozenset({
    *("script", "framework", "communicator", "maxRunDurationSeconds", "nodeCount", "history", "dataReferences"),
    *("outputData", "hdi", "mpi", "pytorch", "amlcompute", "paralleltask", "sourceDirectoryDataStore"),
    *("credentialPassthrough", "autoPrepareEnvironment"),
})
"""Keys of which one is enough."""
_OF_TODAY = frozenset({"$schema", "type"})
_OF_OTHERS = frozenset({*_OF_TODAY, "entryScript", "computeType", "jobs", "properties"})
WITH_ANY_TEXT: Sequence[Place] = (
    ("communicator",),
    ("hdi", "yarnDeployMode"),
    ("arguments",),
    ("environmentVariables",),
    ("environment", "environmentVariables"),
)
"""Where the text None is a word, or anything goes."""
_PYSPARK = frozenset({"pyspark", "pysparkinteractive"})
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
    Unsayable(("environment", "databricks"), "v2 runs nothing on Databricks; run it by Airflow's Databricks provider"),
    Unsayable(("sourceDirectoryDataStore",), "v2 keeps code in the workspace's own datastore; leave it out"),
    Unsayable(("datacaches",), "v2 has no caches of data; take the data as an input"),
    Unsayable(("autoClusterComputeSpecification",), "v2 makes no cluster for a run; name one, or serverless"),
)
_TARGETS: Mapping[str, str] = {
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

    @cached_property
    def environment(self) -> Source:
        """Its environment; an empty one where that cannot be read."""
        found = self._environment_file
        return found if found is not None and not isinstance(found, SpecError) else self.source.at("environment")

    @cached_property
    def _environment_file(self) -> Source | SpecError | None:
        """The file that it has its environment in, or why that cannot be read; ``None`` where it has none."""
        named = self.source.value.get("environment")
        if not isinstance(named, str) or is_unset(named):
            return None
        places = (folder / named.replace("\\", "/") for folder in self.folders)
        file = next((place for place in places if is_file(place)), None)
        if file is None:
            where = " nor in ".join(map(str, self.folders))
            return SpecError([self.source.problem(("environment",), f"there is no file {named!r} in {where}")])
        try:
            return self.source.pulled(os.path.relpath(file, self.source.base_path), at=("environment",))
        except SpecError as error:
            return error

    @property
    def framework(self) -> str:
        """Its framework, in lower case."""
        word = self._word("framework")
        return _OLDER_FRAMEWORKS.get(word, (word, ""))[0]

    @property
    def communicator(self) -> str:
        """How its processes talk to each other, in lower case; ``none`` where they do not."""
        word = self._word("communicator")
        meant = _OLDER_FRAMEWORKS.get(self._word("framework"))
        return meant[1] if meant and word == "none" else word

    @property
    def runs_spark(self) -> bool:
        """Whether its script is one for Spark."""
        return self.framework in _PYSPARK

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
        if not _OF_TODAY.isdisjoint(source.value):
            yield source.problem((), "is a file of CLI v2, and a run configuration of CLI v1 is wanted")
            return
        yield from validate.problems(source, SCHEMA)
        yield from unsayable.none_texts(source, but=WITH_ANY_TEXT)
        yield from unsayable.problems(source, _UNSAYABLE)
        for heeded, rows in UNHEEDED.items():
            if not heeded & {self.communicator, self.framework, lower(source.value.get("target"))}:
                yield from unsayable.problems(source, rows, severity="note")
        yield from self.environment_problems()
        target = lower(source.value.get("target"))
        if target in _TARGETS:
            yield source.problem(("target",), _TARGETS[target])
        yield from self._process_problems()

    def environment_problems(self, rows: Sequence[Unsayable] = environments.UNSAYABLE) -> Iterator[Problem]:
        """What is wrong with its environment.

        Args:
            rows: What must not be said.
        """
        found = self._environment_file
        if isinstance(found, SpecError):
            yield from found.problems
            return
        if found is not None:
            yield from validate.problems(found, f"{SCHEMA}#/$defs/environment")
        yield from environments.problems(self.environment, self.folders, rows=rows)
        yield from environments.interpreter_problems(self.environment)

    def _process_problems(self) -> Iterator[Problem]:
        source, framework, communicator = self.source, self.framework, self.communicator
        if communicator == "paralleltask":
            yield source.problem(("communicator",), "v2 has no such tasks; write a parallel job")
        elif framework == "cntk" and communicator not in ("none", *MPI):
            yield source.problem(("communicator",), "with CNTK there is MPI alone")
        elif communicator in TORCH and framework not in ("pytorch", "python"):
            yield source.problem(("communicator",), f"counts with framework PyTorch, and this is {framework}")
        count, nodes = self._number("pytorch", "processCount"), self._nodes.value
        if communicator in TORCH and count and count % nodes:
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
    def folders(self) -> list[Path]:
        """Where files may be that it names, in the order in which they are looked into."""
        return environments.folders_of(self.source, self.code)

    def _environment(self, base: Path) -> Placed:
        if is_unset(self.source.value.get("environment")):
            return environments.default(self.source)
        return environments.translated(self.environment, self.folders, base)

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
        section = {**dict.fromkeys(MPI, "mpi"), **dict.fromkeys(TORCH, "pytorch")}.get(self.communicator)
        places: list[Place] = [("nodeCount",), *([(section, "nodeCount")] if section else [])]
        more = [place for place in places if self._number(*map(str, place)) not in (None, 1)]
        place = (more or places)[0]
        return put(self._number(*map(str, place)) or 1, self.source, *place)

    @property
    def _distribution(self) -> Placed | None:
        word = self.communicator
        if word in MPI:
            members = {"type": "mpi", "process_count_per_instance": self._number("mpi", "processCountPerNode") or 1}
            return put(members, self.source, "communicator")
        if word in TORCH:
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


def is_runconfig(source: Source) -> bool:
    """Whether a source is a run configuration, as it is written."""
    return _TELLING & source.value.keys() != set() and _OF_OTHERS.isdisjoint(source.value)


def check(source: Source) -> Sequence[Problem]:
    """Check a run configuration by itself, as a step of a pipeline or a script that is named elsewhere would use it.

    Returns:
        The notes, of what v1 heeded and v2 has no need of, or what v1 did not heed either.

    Raises:
        SpecError: It is no valid run configuration, or says what v2 cannot say; with all problems at once.
    """
    given = in_camel_case(source, SCHEMA)
    return validate.told(RunConfig(given, project_folder(given)).problems(), strict=True)


def project_folder(source: Source) -> Path:
    """The folder of the project that a run configuration is for: that of its file, or the one around ``.azureml``."""
    folder = source.base_path
    return folder.parent if folder.name in environments.FOLDERS else folder


def find_runconfig(folder: Path, name: str) -> Path:
    """The run configuration that ``az ml run submit-script -c`` means.

    Args:
        folder: The folder of the project.
        name: Its name without its ending, or with it, or the path of its file.

    Raises:
        SpecError: There is none.

    Example:
        >>> find_runconfig(Path("project"), "sklearn")
        PosixPath('project/.azureml/sklearn.runconfig')

    Source: azureml-core 1.61, ``RunConfiguration.load`` and ``get_run_config_dir_name``.
    """
    named = name.replace("\\", "/")
    places = [folder / below / f"{named}{ending}" for below in (*environments.FOLDERS, "") for ending in ("", ENDING)]
    file = next((place for place in places if is_file(place)), None)
    if file is None:
        where = " or ".join(str(folder / below) for below in (*environments.FOLDERS, ""))
        reason = f"there is no run configuration of that name in {where}, with the ending {ENDING} or without"
        raise SpecError([Problem(name, 0, 0, "", reason)])
    return file


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
    ends = not is_file(source.local(named)) and is_file(source.local(named + ENDING))
    return RunConfig(in_camel_case(source.pulled(named + ENDING if ends else named, at=path), SCHEMA), code)


def found(source: Source, path: Place, code: Path) -> RunConfig | SpecError | None:
    """As :func:`read`, but with the reason where it cannot be read, and ``None`` where none is named."""
    if is_unset(source.value_at(path)):
        return None
    try:
        return read(source, path, code)
    except SpecError as error:
        return error
