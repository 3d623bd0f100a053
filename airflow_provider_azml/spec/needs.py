"""What must be looked up, uploaded or made before a body can be sent, as places in the body that are filled in later.

Translation is pure: where an id is not known yet it puts a need; ``filling`` meets those of a body.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import Conflict
from airflow_provider_azml.rest import arm_ids, flows, upload, waiting
from airflow_provider_azml.spec import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.snapshot import Snapshot
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.target import Target


ANONYMOUS_COMPONENT = "azureml_anonymous"
"""Name of all components that have none of their own."""


class Named(ABC):
    """Something whose id follows from where it is, without asking anybody."""

    @abstractmethod
    def id_in(self, target: Target) -> str:
        """Its ARM id."""


class Need(ABC):
    """Something that takes requests to find or to make. Equal needs are met once."""

    def sends(self) -> Json:
        """The body that makes it, which may hold needs itself; empty where nothing is sent."""
        return {}

    @abstractmethod
    def meet(self, target: Target, body: Json) -> Flow[str]:
        """Find or make it; ``body`` is what it sends, with all needs filled in."""


@dataclass(frozen=True)
class WorkspaceResource(Named):
    """A resource of the workspace by its names, as ``WorkspaceId.child`` takes them."""

    kind: str
    names: tuple[str, ...]

    def id_in(self, target: Target) -> str:
        """Its ARM id."""
        return target.workspace.child(self.kind, *self.names)


@dataclass(frozen=True)
class GroupResource(Named):
    """Something of the workspace's resource group that is not in the resource table, by its path below the group."""

    path: str

    def id_in(self, target: Target) -> str:
        """Its ARM id."""
        return f"{target.workspace.group}/providers/{self.path}"


@dataclass(frozen=True)
class LongUri(Named):
    """A short datastore URI in the long form, which says in which workspace the datastore is.

    Source: azure-ai-ml 1.35.2, ``LONG_URI_FORMAT``; models are sent in it.
    """

    uri: str

    def id_in(self, target: Target) -> str:
        """The long form."""
        return long_uri(self.uri, target)


@dataclass(frozen=True)
class Prefixed:
    """An id with ``azureml:`` before it, as specifications of components have them; those of registries begin so."""

    of: Named | Need


@dataclass(frozen=True)
class AsJson:
    """A value as the text of its JSON, as the items of a loop are sent."""

    of: list[Any] | Json


@dataclass(frozen=True)
class ExistingCompute(Need):
    """A compute that must be there before a pipeline that names it is sent.

    Source: azure-ai-ml 1.35.2 reads the computes of a pipeline and of its nodes, and takes their ids from the answers.
    """

    name: str

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Look it up."""
        found = yield from flows.get(target.workspace.child("compute", self.name))
        return str(found["id"])


@dataclass(frozen=True)
class WorkspaceLocation(Need):
    """The Azure region of the workspace."""

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Look it up."""
        found = yield from flows.get(str(target.workspace))
        return str(found["location"])


@dataclass(frozen=True)
class Code(Need):
    """A code asset with the content of a file or folder."""

    taken: Snapshot

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Find one with the same content, or upload it."""
        return (yield from upload.upload_code(target.workspace, self.taken))


@dataclass(frozen=True)
class Local(Need):
    """A local file or folder that is uploaded to a datastore.

    Args:
        taken: The file or folder.
        form: Which URI of it is wanted: ``short`` or ``long`` datastore URI, or the ``url`` of the storage.
        end: Appended to the URI.
        datastore: Where it goes.
        asset: Name and version of the asset that it is for.
    """

    taken: Snapshot
    form: str = "short"
    end: str = ""
    datastore: str = upload.WORKSPACE_BLOB_STORE
    asset: tuple[str, str] | None = None

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Upload it, unless it is there."""
        where = yield from upload.upload_to_datastore(
            target.workspace, target.cloud, self.taken, datastore=self.datastore, asset=self.asset
        )
        forms = {"short": where.uri, "long": long_uri(where.uri, target), "url": where.url}
        return forms[self.form] + self.end


@dataclass(frozen=True)
class Asset(Need):
    """A version of an asset that a file brings along, to be made before what refers to it.

    Args:
        kind: Kind of the asset.
        name: Its name.
        version: Its version; without one the container says which comes next.
        body: What is sent for it.
        keep: Whether one that exists already is as good, whatever it holds.
    """

    kind: str
    name: str
    version: str | None
    body: Json = field(hash=False)
    keep: bool = False

    def sends(self) -> Json:
        """Its body."""
        return self.body

    def meet(self, target: Target, body: Json) -> Flow[str]:
        """Make it."""
        try:
            ticket = yield from put_version(target, self.kind, self.name, self.version, body)
        except Conflict:
            if not (self.keep and self.version):
                raise
            return target.workspace.child(self.kind, self.name, self.version)
        return ticket.arm_id


@dataclass(frozen=True)
class Component(Need):
    """A component without a name of its own, to be made before the pipeline that it is a part of.

    Args:
        spec: Its specification, which may hold needs.
        digest: What tells it from others; made by :meth:`of`.
    """

    spec: Json = field(compare=False, repr=False)
    digest: str

    @classmethod
    def of(cls, spec: Json) -> Component:
        """The component of a specification; equal specifications give equal components."""
        return cls(spec, _digest(_counted(spec)))

    def sends(self) -> Json:
        """Its specification."""
        return self.spec

    def meet(self, target: Target, body: Json) -> Flow[str]:
        """Make it, under a version that says what it holds.

        Source: azure-ai-ml 1.35.2: the version is a GUID of the first 32 digits of the specification's hash.
        """
        version = str(uuid.UUID(_digest(_counted(body))[:32]))
        spec = {**body, "name": ANONYMOUS_COMPONENT, "version": version}
        properties = {"componentSpec": spec, "isAnonymous": True, "isArchived": False, "properties": {}, "tags": {}}
        arm_id = target.workspace.child("component", ANONYMOUS_COMPONENT, version)
        try:
            yield from flows.put(arm_id, {"properties": properties})
        except Conflict:  # its content is the same: its version says so
            return arm_id
        return arm_id


@dataclass(frozen=True)
class SpecDigest(Need):
    """What tells the specification of a registered component from others, once all ids in it are known.

    Args:
        spec: The specification, which may hold needs.
        digest: What tells it from others until then; made by :meth:`of`.
    """

    spec: Json = field(compare=False, repr=False)
    digest: str

    @classmethod
    def of(cls, spec: Json) -> SpecDigest:
        """The digest of a specification."""
        return cls(spec, _digest(spec))

    def sends(self) -> Json:
        """The specification, although nothing is sent for it: the digest is that of its final form."""
        return self.spec

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Take the digest.

        Source: azure-ai-ml 1.35.2, ``hash_dict``: a GUID of the first 32 digits; version and origin do not count.
        """
        yield from ()
        counted = {key: value for key, value in body.items() if key not in {"version", "_source"}}
        digest = hashlib.sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest()
        return str(uuid.UUID(digest[:32]))


def put_version(target: Target, kind: str, name: str, version: str | None, body: Json) -> Flow[Ticket]:
    """PUT a version of an asset; without a version, the one that azure-ai-ml would give it.

    That is the container's next version; when somebody else takes it in the meantime, the one after. For an environment
    it is the latest one, which the service takes as long as nothing in it changed; it is the next one if not. One that
    was made for the target's seed before is taken, and none is made.
    """
    container = target.workspace.child(kind, name)
    if version:
        return (yield from waiting.submit(f"{container}/versions/{version}", body))
    made = yield from versions.made_for(container, target)
    if made:
        return waiting.Ticket(made["id"], None, made)
    return (yield from _put_next(container, versions.marked(body, target), target))


def _put_next(container: str, body: Json, target: Target) -> Flow[Ticket]:
    latest, following = yield from _versions(container)
    if arm_ids.parse(container).kind == "environment" and latest:
        try:
            return (yield from waiting.submit(f"{container}/versions/{latest}", body))
        except Conflict:
            _, following = yield from _versions(container)
    while True:
        try:
            return (yield from waiting.submit(f"{container}/versions/{following}", body))
        except Conflict:
            # a first PUT whose answer was lost makes the second one look refused
            mine = yield from versions.made_for(container, target)
            if mine:
                return waiting.Ticket(mine["id"], None, mine)
            taken = following
            _, following = yield from _versions(container)
            if following == taken:
                raise


def long_uri(uri: str, target: Target) -> str:
    """A datastore URI that says which workspace it is in."""
    where = target.workspace
    return uri.replace(
        "azureml://",
        f"azureml://subscriptions/{where.subscription_id}/resourcegroups/{where.resource_group}/workspaces/{where.name}/",
        1,
    )


def _versions(container: str) -> Flow[tuple[str | None, str]]:
    """Latest and next version of an asset."""
    found = yield from flows.find(container)
    properties: Mapping[str, Any] = (found or {}).get("properties") or {}
    return properties.get("latestVersion"), str(properties.get("nextVersion") or "1")


def _counted(spec: Json) -> Json:
    """What tells a component without a name from others: neither what its file calls it nor where it was written."""
    return {key: value for key, value in spec.items() if key not in {"name", "version", "_source"}}


def _digest(spec: Json) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True, default=repr).encode()).hexdigest()
