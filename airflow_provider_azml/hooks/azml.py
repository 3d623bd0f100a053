"""The hook: an Airflow connection turned into a client of the workspace that it names."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_azml.exceptions import ApiError, AzmlError, ConnectionIncomplete
from airflow_provider_azml.hooks.airflow_versions import AirflowNotFoundException
from airflow_provider_azml.hooks.connection import ConnectionSettings, settings_of
from airflow_provider_azml.rest import flows, history, job_files, scoring, waiting
from airflow_provider_azml.rest.arm_ids import WorkspaceId, parse
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.clouds import CLOUDS, Cloud, discover
from airflow_provider_azml.rest.credentials import token_cache
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.versions import newest_version
from airflow_provider_azml.spec import workspace_configs
from airflow_provider_azml.spec.kinds import apply as apply_flow
from airflow_provider_azml.spec.source import for_service, from_mapping
from airflow_provider_azml.spec.source import read as source_file
from airflow_provider_azml.spec.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.sdk import Connection

    from airflow_provider_azml.hooks.v1 import V1DataPlane
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket

T = TypeVar("T")
_NO_METADATA = frozenset({400, 401, 403, 404, 405, 410})
"""HTTP statuses by which a host says that it is no cloud's."""
_OF_WORKSPACE = ("subscription_id", "resource_group", "workspace")
POLL_SECONDS = 2.0
"""Pause between two looks at what is waited for; a longer Retry-After of the service wins."""


class AzmlHook(BaseHook):
    """Speaks to the Azure Machine Learning workspace that an Airflow connection names.

    Args:
        azml_conn_id: Connection of type ``azml``.
        subscription_id: Instead of the connection's.
        resource_group: Instead of the connection's.
        workspace: Instead of the connection's.
        config_path: A ``config.json``, or a folder: that of ``.azureml/config.json`` or ``config.json``, or one below.
            It says what neither arguments nor connection say of the workspace.

    Example:
        >>> hook = AzmlHook("azml_default")
        >>> hook.apply("job.yml")["name"]
        >>> hook.get("model", "iris", version="3")["properties"]["modelUri"]
    """

    conn_name_attr = "azml_conn_id"
    default_conn_name = "azml_default"
    conn_type = "azml"
    hook_name = "Azure Machine Learning"

    def __init__(
        self,
        azml_conn_id: str = default_conn_name,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace: str | None = None,
        config_path: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.azml_conn_id = azml_conn_id
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.workspace = workspace
        self.config_path = config_path

    # -- what the connection says --------------------------------------------------------------------------------

    @cached_property
    def settings(self) -> ConnectionSettings:
        """The connection, checked.

        Raises:
            ConnectionIncomplete: There is none of that id, or something in it is missing or wrong.
        """
        with _existing(self.azml_conn_id):
            return _settings(self.get_connection(self.azml_conn_id))

    @cached_property
    def cloud(self) -> Cloud:
        """The Azure cloud of the connection."""
        named = CLOUDS.get(self.settings.cloud)
        try:
            return named or _discovered(self.settings.cloud, self.settings.fields.get("ca_bundle"))
        except ConnectionIncomplete as error:
            raise ConnectionIncomplete(f"connection {self.azml_conn_id!r} cannot be used: {error}") from error

    @cached_property
    def client(self) -> Client:
        """The driver of flows, signed in as the connection says."""
        custom_cloud = self.settings.cloud not in CLOUDS
        identity = self.settings.identity(self.cloud, custom_cloud=custom_cloud)
        try:
            tokens = token_cache(identity)
        except (ValueError, OSError) as error:  # what azure-identity says of a bad tenant id or certificate
            raise ConnectionIncomplete(f"connection {self.azml_conn_id!r} cannot be used: {error}") from error
        origin = f"connection {self.azml_conn_id!r}"
        return Client(self.cloud, tokens, ca_bundle=identity.ca_bundle, origin=origin)

    @cached_property
    def workspace_id(self) -> WorkspaceId:
        """The workspace that is spoken to.

        Raises:
            ConnectionIncomplete: Neither connection nor arguments name it wholly.
            SpecError: The file at `config_path` does not name a workspace.
        """
        names = {name: getattr(self, name) or self.settings.fields.get(name) for name in _OF_WORKSPACE}
        if self.config_path is not None and not all(names.values()):
            config = workspace_configs.found(Path(self.config_path))
            names = {name: value or getattr(config, name) for name, value in names.items()}
        missing = [name for name, value in names.items() if not value]
        if missing:
            raise ConnectionIncomplete(
                f"connection {self.azml_conn_id!r} has no {' and no '.join(missing)} in its extra; "
                "add it there, or pass it to the operator"
            )
        return WorkspaceId(str(names["subscription_id"]), str(names["resource_group"]), str(names["workspace"]))

    @property
    def target(self) -> Target:
        """Where AML files are applied to."""
        return Target(self.workspace_id, self.cloud)

    def studio_url(self, kind: str, name: str, version: str | None = None) -> str:
        """Where something is seen in Azure ML studio; the workspace's first page for what has none of its own."""
        tenant_id = self.settings.fields.get("tenant_id")
        where = replace(self.workspace_id, name=name) if kind == "workspace" else self.workspace_id
        return self.cloud.studio_url(kind, name, where, tenant_id, version=version)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the connection signs in and its workspace can be read, and what to do if not."""
        try:
            body = self.run(flows.get(str(self.workspace_id)))
        except AzmlError as error:
            return False, str(error)
        return True, f"Signed in; workspace {body['name']} is in {body.get('location', 'an unknown region')}"

    # -- flows ---------------------------------------------------------------------------------------------------

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow, blocking."""
        return self.client.run(flow)

    async def arun(self, flow: Flow[T]) -> T:
        """Drive a flow on the event loop, without ever blocking it."""
        await self.aopen()
        return await self.client.arun(flow)

    async def aopen(self) -> None:
        """Read the connection and make ready to sign in, without blocking the event loop; once.

        Raises:
            ConnectionIncomplete: There is none of that id, or something in it is missing or wrong.
        """
        if "client" not in self.__dict__:
            with _existing(self.azml_conn_id):
                self.settings = _settings(await self.aget_connection(self.azml_conn_id))
            self.client = await asyncio.to_thread(lambda: self.client)

    def close(self) -> None:
        """Close the blocking connections."""
        if "client" in self.__dict__:
            self.client.close()

    async def aclose(self) -> None:
        """Close the asynchronous connections."""
        if "client" in self.__dict__:
            await self.client.aclose()

    @cached_property
    def v1(self) -> V1DataPlane:
        """The data plane of CLI and SDK v1: what they have made, and what still speaks to it."""
        from airflow_provider_azml.hooks.v1 import V1DataPlane

        return V1DataPlane(self)

    # -- resources -----------------------------------------------------------------------------------------------

    def apply(
        self,
        source: str | Path | Mapping[str, object],
        *,
        kind: str | None = None,
        overrides: Mapping[str, object] | None = None,
        base_path: str | Path | None = None,
        wait: bool = True,
        strict: bool = False,
        follow_symlinks: bool = False,
    ) -> Json:
        """Create or update what an AML file describes, with all that it drags in, as ``az ml <kind> create -f`` does.

        A file of CLI v1 is taken as what it is today; what was chosen for it is logged.

        Args:
            source: Path of an AML file, or its content.
            kind: What it describes, a key of ``spec.table.KINDS``; needed when ``$schema`` and ``type`` do not say it.
            overrides: Merged over the top, mappings key by key.
            base_path: Folder that a mapping's relative paths are relative to.
            wait: Wait until the service has made it; a job's end is not waited for.
            strict: Refuse what azure-ai-ml would send and the service would refuse, instead of logging a warning.
            follow_symlinks: Upload what links inside local folders lead to, even outside of them.

        Returns:
            The resource as the service shows it.

        Raises:
            SpecError: The file is wrong; all that is wrong is listed, and nothing was sent.
            ApiError: The service refused it.
            RunFailed: The service accepted it, and failed to make it.

        Example:
            >>> hook.apply("job.yml", overrides={"compute": "azureml:gpu", "inputs": {"epochs": 3}})
        """
        if isinstance(source, (str, Path)):
            read = source_file(Path(source), follow_symlinks=follow_symlinks)
        else:
            read = from_mapping(source, base_path=_path(base_path), follow_symlinks=follow_symlinks)
        ticket = self.run(apply_flow(for_service(read, overrides or {}), kind, self.target, strict=strict))
        if not wait or parse(ticket.arm_id).kind == "job":
            return ticket.body
        return self._settled(ticket).body

    def get(self, kind: str, name: str, *, version: str | None = None, parent: str | None = None) -> Json:
        """One resource.

        Args:
            kind: A key of the resource table, e.g. ``model``.
            name: Its name.
            version: Its version; without one, a versioned resource's newest.
            parent: The endpoint, for a deployment.

        Raises:
            NotFound: There is none.
        """
        if RESOURCES[kind].versioned and version is None:
            return self.run(newest_version(self._arm_id(kind, name)))
        return self.run(flows.get(self._arm_id(kind, name, version=version, parent=parent)))

    def delete(
        self,
        kind: str,
        name: str,
        *,
        version: str | None = None,
        parent: str | None = None,
        params: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        """Delete a resource, and wait until it is gone unless told otherwise.

        Raises:
            NotFound: There is none.
        """
        arm_id = self._arm_id(kind, name, version=version, parent=parent)
        response = self.run(flows.delete(arm_id, params=params))
        if wait:
            self._settled(waiting.ticket(arm_id, response, goal="deleted"))

    def act(
        self,
        kind: str,
        name: str,
        action: str,
        body: Json | None = None,
        *,
        version: str | None = None,
        parent: str | None = None,
    ) -> Json:
        """POST an action of the resource's row, e.g. ``hook.act("compute", "ci", "stop")``, and wait for its end.

        Returns:
            The answer; for a long-running action the resource afterwards.
        """
        arm_id = self._arm_id(kind, name, version=version, parent=parent)
        response = self.run(flows.act(arm_id, action, body))
        ticket = waiting.ticket(arm_id, response)
        return self._settled(ticket).body if ticket.operation_url else ticket.body

    def job_logs(self, name: str) -> str:
        """What a job's code has written so far."""
        details = self.run(history.run_details(self.workspace_id, name))
        return self.run(history.log_text(details))

    def download_outputs(self, name: str, target: str | Path, *, output: str | None = None) -> dict[str, Path]:
        """Fetch what a job has written.

        Args:
            name: Name of the job.
            target: Folder that it goes to: each output into ``named-outputs/<output>``, logs and other files into
                ``artifacts``, as ``az ml job download --all`` puts them.
            output: One output alone; ``artifacts`` for the logs and other files.

        Returns:
            Output -> its folder.

        Raises:
            NotFound: There is no such job or output, or it has no files.

        Example:
            >>> hook.download_outputs("train-1", "/tmp/train", output="model")["model"]
        """
        fetched = self.run(job_files.download(self.workspace_id, self.cloud, name, Path(target), output=output))
        return {each: Path(target) / job_files.folder_of(each) for each in fetched}

    def score(
        self,
        endpoint: str,
        payload: object,
        deployment: str | None = None,
        *,
        generation: Literal["v2", "v1"] = "v2",
    ) -> object:
        """Send a payload to an online endpoint, or to a web service of v1, and return its answer.

        Args:
            endpoint: Name of the endpoint or web service.
            payload: Anything that JSON can hold.
            deployment: Take this deployment, whatever the traffic split says; web services have none.
            generation: ``v1`` for a web service, which is given the key or token that it asks for.

        Raises:
            ApiError: The endpoint refused it, or its scoring script failed.
        """
        if generation == "v1":
            return self.v1.score(endpoint, payload)
        return self.run(scoring.score(self.workspace_id.child("online_endpoint", endpoint), payload, deployment))

    def list(
        self, kind: str, *, name: str | None = None, parent: str | None = None, params: Mapping[str, str] | None = None
    ) -> Sequence[Json]:
        """All resources of a kind, workspaces those of the resource group; with ``name``, all versions of that one."""
        if kind == "workspace":
            collection = self.workspace_id.sibling(kind)
        else:
            collection = self.workspace_id.child(kind, *filter(None, (parent, name)))
        if name:
            collection += "/versions"
        return self.run(flows.pages(collection, api_version=RESOURCES[kind].api_version, params=params))

    def _arm_id(self, kind: str, name: str, *, version: str | None = None, parent: str | None = None) -> str:
        if kind == "workspace":
            return self.workspace_id.sibling("workspace", name)
        return self.workspace_id.child(kind, *filter(None, (parent, name, version)))

    def _settled(self, ticket: Ticket) -> Outcome:
        outcome = waiting.ended(ticket) or self.run(waiting.settle(ticket, poll_seconds=POLL_SECONDS))
        if not outcome.succeeded:
            raise outcome.failure()
        return outcome


def _settings(connection: Connection) -> ConnectionSettings:
    return settings_of(connection.conn_id, connection.login, connection.password, connection.extra_dejson)


@contextmanager
def _existing(conn_id: str) -> Iterator[None]:
    """Tells what to do when there is no such connection."""
    try:
        yield
    except AirflowNotFoundException as error:
        raise ConnectionIncomplete(
            f"there is no connection {conn_id!r}; create one of type azml under Admin > Connections, "
            f"or set AIRFLOW_CONN_{conn_id.upper()}"
        ) from error


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value is not None else None


@lru_cache(maxsize=16)
def _discovered(metadata_url: str, ca_bundle: str | None) -> Cloud:
    try:
        with Client(ca_bundle=ca_bundle) as client:
            return client.run(discover(metadata_url))
    except ApiError as error:
        if error.status not in _NO_METADATA:  # it may answer another try
            raise
        raise ConnectionIncomplete(f"there is no cloud at {metadata_url}: {error}") from error
