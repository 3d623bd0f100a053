"""Sections of run configurations of CLI v1 that count in some runs alone, and say nothing in others.

v1 writes all of them into each file that it saves, so that values of other runs are often left in them.

Source: azureml-core 1.61, the defaults and the remarks of the classes of ``azureml.core.runconfig``, and of older
versions, whose files hold ``mmlspark``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.v1.unsayable import Unsayable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MMLSPARK = {"group": "com.microsoft.ml.spark", "artifact": "mmlspark_2.11", "version": "0.12"}
_CONFIGURATION = {"spark.app.name": "Azure ML Experiment", "spark.yarn.maxAppAttempts": 1}
REPOSITORIES: tuple[object, ...] = ([], ["https://mmlspark.azureedge.net/maven"])
PACKAGES: tuple[object, ...] = ([], [_MMLSPARK], [{**_MMLSPARK, "version": 0.12}])
CONFIGURATION: tuple[object, ...] = (_CONFIGURATION, {**_CONFIGURATION, "spark.yarn.maxAppAttempts": "1"})
"""What v1 writes into the sections for Spark where nobody says anything."""


def _rows(says: str, **defaults: tuple[object, ...]) -> Sequence[Unsayable]:
    """The keys of sections, written ``section__key``, that count with something alone."""
    return [Unsayable(tuple(name.split("__")), f"not sent: counts {says}", values) for name, values in defaults.items()]


UNHEEDED: Mapping[frozenset[str], Sequence[Unsayable]] = {
    frozenset({"parameterserver"}): _rows(
        "with communicator ParameterServer alone",
        tensorflow__workerCount=(1,),
        tensorflow__parameterServerCount=(1, 0),
    ),
    frozenset({"openmpi", "intelmpi", "mpi"}): _rows(
        "with communicator OpenMpi or IntelMpi alone",
        mpi__processCountPerNode=(1,),
        mpi__nodeCount=(1,),
    ),
    frozenset({"nccl", "gloo"}): _rows(
        "with communicator Nccl or Gloo alone",
        pytorch__communicationBackend=("nccl", "Nccl"),
        pytorch__processCount=(),
        pytorch__nodeCount=(1,),
    ),
    frozenset({"paralleltask"}): _rows(
        "with communicator ParallelTask alone",
        paralleltask__maxRetriesPerWorker=(0,),
        paralleltask__workerCountPerNode=(1,),
        paralleltask__terminalExitCodes=(),
    ),
    frozenset({"pyspark", "pysparkinteractive"}): _rows(
        "with framework PySpark alone",
        spark__configuration=CONFIGURATION,
        environment__spark__repositories=REPOSITORIES,
        environment__spark__packages=PACKAGES,
        environment__spark__precachePackages=(True, False),
        hdi__yarnDeployMode=("cluster", "Cluster", "None", "none"),
    ),
    frozenset({"amlcompute"}): _rows(
        "with target amlcompute alone",
        amlcompute__vmSize=(),
        amlcompute__vmPriority=(),
        amlcompute__name=(),
        amlcompute__retainCluster=(False,),
        amlcompute__clusterMaxNodeCount=(1,),
        amlCompute__vmSize=(),
        amlCompute__vmPriority=(),
        amlCompute__name=(),
        amlCompute__retainCluster=(False,),
        amlCompute__clusterMaxNodeCount=(1,),
    ),
    frozenset({"containerinstance"}): _rows(
        "with target containerinstance alone",
        containerInstance__region=(),
        containerInstance__cpuCores=(2, 1),
        containerInstance__memoryGb=(3.5,),
    ),
    frozenset(): _rows("where a model is deployed alone", environment__inferencingStackVersion=()),
    frozenset({"batchai"}): _rows("on Batch AI alone, which is retired", batchAi__nodeCount=(0, 1)),
}
"""Words of framework, communicator or target -> keys that count with one of them alone, or with none."""
