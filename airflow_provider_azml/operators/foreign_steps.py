"""Nodes of pipelines of CLI v1 that run on other services, by the operators of these services."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.operators.pipeline_nodes import FOLDER, AzmlPipelineNodeOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import DAG, BaseOperator, Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.pipeline_plans import PlannedNode

_NOT_OF_PATHS = re.compile(r"[^A-Za-z0-9_-]+")
_JOB = "${{name}}"
_BLOB_STORE = "workspaceblobstore"
_SCHEMES = {"AzureBlob": "wasbs", "AzureDataLakeGen2": "abfss"}


@dataclass(frozen=True)
class Code:
    """A folder of code, where another service can fetch it.

    Args:
        url: URL of the folder, for Hadoop.
        files: Path of each file in it -> URL with what opens it, for an hour at least.
    """

    url: str
    files: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Handed:
    """What a node of a pipeline comes to, for an operator that knows nothing of pipelines.

    Args:
        values: Name -> value of a parameter, or URL of what an input holds or where an output goes, for Hadoop
            (``wasbs://``, ``abfss://``).
        urls: The same with ``https://``.
        code: The step's ``source_directory``, where it has one.
    """

    values: Mapping[str, Any]
    urls: Mapping[str, Any]
    code: Code | None = None


class AzmlNodeReader(AzmlPipelineNodeOperator):
    """Reads what a node of a pipeline comes to, for the task that runs it; it is no task itself.

    Args:
        of_task: That task.
    """

    def __init__(self, *, of_task: BaseOperator, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of_task = of_task

    def get_dag(self) -> DAG | None:
        """The DAG of that task."""
        return self.of_task.get_dag()

    def prepared(self, context: Context) -> Handed | Json:
        """What the node takes and where what it writes goes; or its earlier result where the run leaves it out.

        Raises:
            AirflowFailException: It takes what another node has not written, or data that no storage account holds; or
                the service refused to tell.
            AirflowSkipException: It is left out, and nothing needs it.
        """
        from airflow_provider_azml.operators.earlier_runs import left_out

        with self._permanent_errors():
            fate = self._selection(context).of(self._path)
            return self._handed(context) if fate == "run" else left_out(context, fate, self.log)

    def _handed(self, context: Context) -> Handed:
        from airflow_provider_azml.spec.rules import mapping
        from airflow_provider_azml.spec.single_nodes import value_of

        node, results = self.planned(self.plan(context)), self.results(context)
        given = mapping(node.source.value.get("inputs"))
        found = {name: value_of(node, value, results) for name, value in given.items()}
        places = {**found, **self.destinations(context)}
        return Handed(
            {name: self._url(value, node, hadoop=True) for name, value in places.items()},
            {name: self._url(value, node, hadoop=False) for name, value in places.items()},
            self._code(node),
        )

    def destinations(self, context: Context) -> dict[str, str]:
        """Where what the node writes goes, as Azure ML writes it."""
        node = self.planned(self.plan(context))
        return {one.name: self._place(one.path, one.name, context) for one in node.outputs.values()}

    def result(self, context: Context) -> Json:
        """What the task tells when the other service has run the node."""
        return {"outputs": self.destinations(context), "assets": {}, "node": self.node, "values": {}}

    def _code(self, node: PlannedNode) -> Code | None:
        """The node's folder of code, put into the workspace's datastore unless it is there already."""
        from urllib.parse import quote

        from airflow_provider_azml.rest import datastores, snapshot
        from airflow_provider_azml.rest.upload import upload_to_datastore
        from airflow_provider_azml.spec.rules import mapping

        folder = mapping(node.source.value.get("settings")).get("source_directory")
        if not folder:
            return None
        taken = snapshot.take(node.source.local(str(folder).replace("\\", "/")), follow_symlinks=self.follow_symlinks)
        where, cloud = self.hook.workspace_id, self.hook.cloud
        made = self.hook.run(upload_to_datastore(where, cloud, taken, datastore=_BLOB_STORE))
        opened = self.hook.run(datastores.opened(where, cloud, made.datastore, act="code is uploaded to"))
        files = {
            file.name: f"{opened.blob_url}/{quote(f'{made.path}/{file.name}')}{opened.access.query}"
            for file in taken.files
        }
        return Code(self._url_in(made.datastore, made.path, node, hadoop=True), files)

    def _place(self, path: str | None, name: str, context: Context) -> str:
        """Where an output goes: another place in each run."""
        from airflow_provider_azml.spec.v1.pipeline_parts import datastore_path

        run = _NOT_OF_PATHS.sub("_", str(context["run_id"]))
        if path is None:
            dag_id = self.of_task.dag_id
            return datastore_path(_BLOB_STORE, f"{FOLDER}/{dag_id}/{self.node.replace('.', '/')}/{run}/{name}/")
        return path.replace(_JOB, f"{FOLDER}/{self.of_task.dag_id}/{run}")

    def _url(self, value: Any, node: PlannedNode, *, hadoop: bool) -> Any:  # any value of an input
        """The URL of data in a storage account; a value that is no data as it is."""
        from airflow_provider_azml.rest.datastores import files_of

        path = value.get("path") if isinstance(value, dict) else value
        if not isinstance(path, str) or not (isinstance(value, dict) or path.startswith("azureml:")):
            return path
        if path.startswith("azureml:") and not path.startswith("azureml://"):
            name, _, version = path.removeprefix("azureml:").removesuffix("@latest").partition(":")
            path = str(self.hook.get("data", name, version=version or None)["properties"]["dataUri"])
        found = files_of(path)
        return path if found is None else self._url_in(found.datastore, found.path, node, hadoop=hadoop)

    def _url_in(self, datastore: str, path: str, node: PlannedNode, *, hadoop: bool) -> str:
        from airflow_provider_azml.exceptions import SpecError
        from airflow_provider_azml.rest.datastores import place

        properties = self.hook.get("datastore", datastore)["properties"]
        try:
            url = place(properties, self.hook.cloud.storage_suffix, datastore, act="other services get at").url
        except SpecError as error:
            raise SpecError([node.source.problem((), one.reason, at_key=True) for one in error.problems]) from error
        if not hadoop:
            return f"{url}/{path}"
        host, _, container = url.partition("://")[2].partition("/")
        return f"{_SCHEMES[properties['datastoreType']]}://{container}@{host}/{path}"


@cache
def node_operator(official: type[BaseOperator], fill: Callable[[Any, Handed], None]) -> type[BaseOperator]:
    """The operator of another service as one that runs a node of a pipeline.

    It is called as the other is, is one of its kind, and takes what it takes. Its result is that of a node: ``outputs``
    (output -> where it is), ``assets`` (none) and ``node``.

    Args:
        official: The operator.
        fill: Tells a task of it what the node comes to.
    """

    class NodeOperator(official):  # type: ignore[misc, valid-type]  # chosen when a DAG file is parsed
        def __init__(self, *, node: str, given: Mapping[str, Any], **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.node = node
            self.given = dict(given)
            self.results_of: Mapping[str, str] = {}
            self.may_lack: list[str] = []
            self.after: Mapping[str, Any] | None = None

        def execute(self, context: Context) -> Json:
            reader = self._reader(context)
            prepared = reader.prepared(context)
            if not isinstance(prepared, Handed):
                return prepared
            fill(self, prepared)
            super().execute(context)
            return reader.result(context)

        def execute_complete(self, context: Context, event: Any = None) -> Json:
            super().execute_complete(context, event)
            return self._reader(context).result(context)

        def _reader(self, context: Context) -> AzmlNodeReader:
            taken = {"results_of": self.results_of, "may_lack": self.may_lack, "after": self.after}
            reader = AzmlNodeReader(of_task=self, task_id=self.task_id, node=self.node, **taken, **self.given)
            reader.render_template_fields(context)
            return reader

    NodeOperator.__name__ = NodeOperator.__qualname__ = official.__name__
    NodeOperator.__module__, NodeOperator.__doc__ = official.__module__, official.__doc__
    return NodeOperator
