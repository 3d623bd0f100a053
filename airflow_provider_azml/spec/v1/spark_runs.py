"""Script runs of CLI v1 with framework PySpark, as Spark jobs of today.

Source: azureml-core 1.61 (``SparkConfiguration``, ``SparkSection``, ``HdiConfiguration``), and
https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-spark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import run_clusters
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.run_services import SECTION as SERVICES
from airflow_provider_azml.spec.v1.runconfigs import project_folder
from airflow_provider_azml.spec.v1.steps import compute_name
from airflow_provider_azml.spec.v1.translation import Remark
from airflow_provider_azml.spec.v1.unheeded import CONFIGURATION, PACKAGES, REPOSITORIES
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.run_data import RunData
    from airflow_provider_azml.spec.v1.runconfigs import RunConfig

_CONFIGURATION = ("spark", "configuration")
_REPOSITORIES = ("environment", "spark", "repositories")
_PACKAGES = ("environment", "spark", "packages")
_DEPLOY_MODE = ("hdi", "yarnDeployMode")
_CLUSTERS = frozenset({"cluster", "none"})
_SIZES = tuple(f"spark.{key}" for key in ("driver.cores", "driver.memory", "executor.cores", "executor.memory"))
_DIRECT = "Spark reads and writes datastores itself, wherever v1 mounted them or brought copies"
_POOL = "v1 ran Spark on HDInsight too, which Azure ML does no more; the compute must be an attached Synapse Spark pool"


def problems(runconfig: RunConfig, data: RunData, line: str | None, arguments: Sequence[str]) -> Iterator[Problem]:
    """What v2 cannot say of a run on Spark.

    Args:
        runconfig: The run configuration.
        data: The data of the script.
        line: What runs instead of a script.
        arguments: The arguments of the script.
    """
    source = runconfig.source
    if runconfig.framework == "pysparkinteractive":
        yield source.problem(("framework",), "v2 has no interactive jobs on Spark; write PySpark")
    if line is not None:
        yield source.problem(("command",), "v2 runs scripts on Spark, and no commands; write script", at_key=True)
    if runconfig.target is None or run_clusters.is_asked_for(source):
        reason = "v2 runs Spark on a Synapse Spark pool that is attached; name it, or write a job of type spark"
        yield source.problem(("target",), reason)
    mode = source.value_at(_DEPLOY_MODE)
    if not is_unset(mode) and lower(mode) not in _CLUSTERS:
        yield source.problem(_DEPLOY_MODE, "v2 runs nothing on HDInsight; leave it out")
    configuration = mapping(source.value_at(_CONFIGURATION))
    missing = [key for key in _SIZES if key not in configuration]
    if missing:
        yield source.problem(_CONFIGURATION, f"v2 must be told how large it is: {', '.join(missing)}", at_key=True)
    if not is_unset(source.value.get(SERVICES)):
        yield source.problem((SERVICES,), "v2 has no ways into jobs on Spark; leave it out", at_key=True)
    for name in sorted(data.placed.keys() - data.named(list(arguments))):
        section = next(
            key for key in ("dataReferences", "data", "outputData") if name in mapping(source.value.get(key))
        )
        reason = "v2 sets no environment variables on Spark; name it in arguments"
        yield source.problem((section, name), reason, at_key=True)


def job(
    runconfig: RunConfig, data: RunData, folder: Placed, script: str, arguments: Sequence[str]
) -> Mapping[str, Placed | None]:
    """The keys of the Spark job that a run becomes.

    Args:
        runconfig: The run configuration.
        data: The data of the script.
        folder: Folder of the code.
        script: The script, relative to that.
        arguments: The arguments of the script.
    """
    source, target = runconfig.source, runconfig.target
    line = " ".join(data.filled(argument) for argument in arguments)
    said = runconfig.translated(project_folder(source))
    return {
        "code": folder,
        "entry": put({"file": script}, source, "script"),
        "args": put(line, source, "arguments") if line else None,
        "compute": None if target is None else target._replace(value=compute_name(target.value)),
        "conf": gathered(_conf(source), source, *_CONFIGURATION),
        "environment": None if is_unset(source.value.get("environment")) else said["environment"],
        "inputs": unless_empty(gathered(data.inputs(), source, "data")),
        "outputs": unless_empty(gathered(data.outputs(), source, "outputData")),
        "identity": said["identity"],
    }


def remarks(data: RunData) -> Iterator[Remark]:
    """The choices that were made."""
    yield Remark(("compute",), _POOL)
    for place, given in (("inputs", data.inputs()), ("outputs", data.outputs())):
        for name in given:
            yield Remark((place, name), _DIRECT)


def _conf(source: Source) -> Mapping[str, Placed | None]:
    given = mapping(source.value_at(_CONFIGURATION))
    settings: dict[str, Placed | None] = {}
    if given not in CONFIGURATION:
        settings |= {name: kept(source, *_CONFIGURATION, name) for name in given}
    repositories, packages = source.value_at(_REPOSITORIES), source.value_at(_PACKAGES)
    if isinstance(repositories, list) and repositories not in REPOSITORIES:
        settings["spark.jars.repositories"] = put(",".join(map(str, repositories)), source, *_REPOSITORIES)
    if isinstance(packages, list) and packages not in PACKAGES:
        named = (":".join(str(mapping(one).get(key)) for key in ("group", "artifact", "version")) for one in packages)
        settings["spark.jars.packages"] = put(",".join(named), source, *_PACKAGES)
    return settings
