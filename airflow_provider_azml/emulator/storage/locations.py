"""Where things are: every way in which the service names data, models and code, turned into a place in blob storage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_provider_azml.exceptions import AzmlError
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

ARTIFACT_STORE = "workspaceartifactstore"
BLOB_STORE = "workspaceblobstore"

_WORKSPACE = (
    r"subscriptions/[^/]+/resource[gG]roups/[^/]+/(?:providers/Microsoft\.MachineLearningServices/)?workspaces/[^/]+/"
)
_DATASTORE_PATH = re.compile(
    rf"^azureml://(?:{_WORKSPACE})?datastores/(?P<datastore>[^/]+)(?:/paths)?(?:/(?P<path>.*))?$"
)
_JOB_OUTPUT = re.compile(
    rf"^azureml://(?:{_WORKSPACE})?jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths)?(?:/(?P<path>.*))?$"
)
_RUN_PATH = re.compile(r"^runs:/+(?P<job>[^/]+)/?(?P<path>.*)$")
_ASSET = re.compile(
    r"^azureml://locations/[^/]+/workspaces/[^/]+/(?P<segment>data|models|codes)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$"
)
_SHORT_ASSET = re.compile(r"^azureml:(?!//)(?P<name>[^/:@]+):(?P<version>[^/:]+)$")
_MLFLOW_MODEL = re.compile(r"^models:/(?P<name>[^/]+)/(?P<version>[^/]+)$")
_BLOB_URL = re.compile(r"^/stor\.blob\.[^/]+/(?P<container>[^/]+)/?(?P<path>.*)$")
_URI_FIELDS = {"data": "dataUri", "model": "modelUri", "code": "codeUri"}
_SEGMENTS = {"data": "data", "models": "model", "codes": "code"}


class LocationError(AzmlError):
    """A URI or id does not name a place that this emulator has."""


@dataclass(frozen=True)
class Location:
    """A place in blob storage.

    Args:
        container: The container.
        path: Name of a blob or of a folder of blobs, without a slash at its end; empty for the whole container.
    """

    container: str
    path: str

    @property
    def name(self) -> str:
        """Last part of the path; empty when that is no name of a file."""
        return PurePosixPath(self.path).name.strip(".") and PurePosixPath(self.path).name

    def below(self, path: str) -> Location:
        """A place below this one."""
        return Location(self.container, "/".join(part.strip("/") for part in (self.path, path) if part.strip("/")))


class Locations:
    """Finds the places that URIs and ids name, as seen from one workspace.

    Args:
        store: The emulator's resources.
        workspace: Whose datastores and jobs are meant where a URI names none.
        by: Assets and outputs that have led here, none of which may be met again.

    Example:
        >>> Locations(store, workspace).find("azureml://datastores/workspaceblobstore/paths/iris/")
        Location(container='azureml-blobstore-…', path='iris')
    """

    def __init__(self, store: Store, workspace: WorkspaceId, *, by: frozenset[str] = frozenset()) -> None:
        self._store = store
        self._workspace = workspace
        self._by = by

    def find(self, uri: str) -> Location:
        """The place that a URI or an ARM id names; whether anything is there is not looked at.

        Args:
            uri: A datastore path, job output, run path, asset (ARM id, ``azureml:name:version`` or registered form),
                or the URL of a blob of this emulator.

        Raises:
            LocationError: It names nothing that exists, or nothing that this emulator could have.
        """
        if found := _JOB_OUTPUT.match(uri):
            return self.of_output(found["job"], found["output"]).below(found["path"] or "")
        if found := _DATASTORE_PATH.match(uri):
            return self.of_datastore(found["datastore"]).below(unquote(found["path"] or ""))
        if found := _RUN_PATH.match(uri):
            return self.of_artifacts(found["job"]).below(found["path"])
        if asset := self._asset_id(uri):
            return self._of_asset(asset)
        return _of_url(uri)

    def long_uri(self, uri: str) -> str:
        """A URI in the long form in which the service keeps it: with its datastore, whatever it was found by.

        Raises:
            LocationError: It names nothing that exists, or nothing that is in a datastore.
        """
        place = self.find(uri)
        for datastore in self._store.children(self._workspace.child("datastore")):
            if datastore["properties"].get("containerName") == place.container:
                return long_uri(self._workspace, datastore["name"], place.path)
        raise LocationError(f"{uri} is in container {place.container!r}, which is no datastore's")

    def of_datastore(self, name: str) -> Location:
        """The root of a datastore.

        Raises:
            LocationError: There is no such datastore, or it is not one of blobs.
        """
        document = self._store.get(self._workspace.child("datastore", name))
        if document is None:
            raise LocationError(f"datastore {name!r} does not exist in workspace {self._workspace.name!r}")
        container = document["properties"].get("containerName")
        if not container:
            kind = document["properties"].get("datastoreType")
            raise LocationError(f"datastore {name!r} is of type {kind}; the emulator has blob storage alone")
        return Location(container, "")

    def of_artifacts(self, job: str) -> Location:
        """Where a job's logs, ``outputs`` folder and MLflow artifacts are."""
        return self.of_datastore(ARTIFACT_STORE).below(f"ExperimentRun/dcid.{job}")

    def of_output(self, job: str, output: str) -> Location:
        """Where a job's output is.

        Raises:
            LocationError: There is no such job or output.
        """
        if output in ("artifacts", "default"):
            return self.of_artifacts(job)
        document = self._store.get(self._workspace.child("job", job))
        if document is None:
            raise LocationError(f"job {job!r} does not exist in workspace {self._workspace.name!r}")
        outputs: dict[str, Json] = document["properties"].get("outputs") or {}
        if output not in outputs:
            known = ", ".join(sorted(outputs)) or "none"
            raise LocationError(f"job {job!r} has no output {output!r} (it has: {known})")
        named = output_uri(job, output, outputs[output] or {})
        return self._further(f"output {output!r} of job {job!r}", self._workspace).find(named)

    def _further(self, what: str, workspace: WorkspaceId) -> Locations:
        """What finds a place that another one leads to."""
        if what in self._by:
            raise LocationError(f"{what} names itself as the place of its data: {' -> '.join(sorted(self._by))}")
        return Locations(self._store, workspace, by=self._by | {what})

    def _asset_id(self, uri: str) -> str | None:
        if found := _ASSET.match(uri):
            return self._workspace.child(_SEGMENTS[found["segment"]], found["name"], found["version"])
        if found := _MLFLOW_MODEL.match(uri):
            return self._workspace.child("model", found["name"], found["version"])
        if found := _SHORT_ASSET.match(uri):
            named = [self._workspace.child(kind, found["name"], found["version"]) for kind in ("data", "model")]
            known = next((arm_id for arm_id in named if self._store.get(arm_id)), None)
            if known is None:
                raise LocationError(f"{uri} is neither data nor a model of workspace {self._workspace.name!r}")
            return known
        return uri if uri.lower().startswith("/subscriptions/") else None

    def _of_asset(self, arm_id: str) -> Location:
        try:
            parsed = arm_ids.parse(arm_id)
        except ValueError as error:
            raise LocationError(str(error)) from error
        field = _URI_FIELDS.get(parsed.kind)
        if field is None:
            raise LocationError(f"{arm_id} is neither data, nor a model, nor code")
        document = self._store.get(arm_id)
        if document is None:
            raise LocationError(f"{parsed.kind} {parsed.name!r} version {parsed.version!r} does not exist")
        what = f"{parsed.kind} {parsed.name!r} version {parsed.version!r}"
        return self._further(what, parsed.workspace).find(document["properties"][field])


def long_uri(workspace: WorkspaceId, datastore: str, path: str) -> str:
    """The URI of a path of a datastore, with its workspace."""
    return (
        f"azureml://subscriptions/{workspace.subscription_id}/resourcegroups/{workspace.resource_group}"
        f"/workspaces/{workspace.name}/datastores/{datastore}/paths/{path}"
    )


def output_uri(job: str, output: str, declared: Json) -> str:
    """The URI of a job's output: the one that the job asks for, else the service's default place.

    Args:
        job: Name of the job.
        output: Name of the output.
        declared: The output in the job's ``properties.outputs``.
    """
    asked = str(declared.get("uri") or "")
    if not asked:
        # the slash is what clients take a folder by, and look below
        end = "" if declared.get("jobOutputType") == "uri_file" else "/"
        return f"azureml://datastores/{BLOB_STORE}/paths/azureml/{job}/{output}{end}"
    return asked.replace("${{name}}", job).replace("${{output_name}}", output)


def _of_url(url: str) -> Location:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and (found := _BLOB_URL.match(parts.path)):
        return Location(unquote(found["container"]), unquote(found["path"]).strip("/"))
    raise LocationError(f"{url!r} does not name anything that this emulator has")
