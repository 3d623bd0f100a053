"""What the nodes of a pipeline have written, as a DAG run's tasks tell where."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import datastores
from airflow_provider_azml.rest.listed_blobs import blobs_in, read_blob
from airflow_provider_azml.rest.node_jobs import node_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Flow
    from tests.airflow.running import Finished


@dataclass(frozen=True)
class Written:
    """What nodes have written.

    Args:
        connection: The connection of the emulator that ran them.
    """

    connection: str

    def of_run(self, finished: Finished, render: str, nodes: list[str]) -> dict[str, Any]:
        """Node -> output -> file -> text, of top-level nodes."""
        with closing(AzmlHook(self.connection)) as hook:
            told = {
                node: self._outputs(hook, finished, node) if render == "job" else finished.value(node)["outputs"]
                for node in nodes
            }
            return {
                node: {name: hook.run(_content(hook, uri)) for name, uri in outputs.items()}
                for node, outputs in told.items()
            }

    @staticmethod
    def _outputs(hook: AzmlHook, finished: Finished, node: str) -> Mapping[str, str]:
        made = hook.run(node_job(hook.workspace_id, finished.value("job")["name"], node))
        assert made, node
        return made.outputs


def _content(hook: AzmlHook, uri: str) -> Flow[dict[str, str | None]]:
    found = datastores.files_of(uri)
    assert found, uri
    container = yield from datastores.opened(hook.workspace_id, hook.cloud, found.datastore, act="tests read")
    path = found.path.rstrip("/")
    blobs = yield from blobs_in(container, path)
    if not blobs:
        return {"": (yield from read_blob(container, path))}
    texts = {}
    for blob in blobs:
        texts[blob.name.removeprefix(path)] = yield from read_blob(container, blob.name)
    return texts
