"""References with labels, whose versions are looked up when something is submitted, unless the target pins them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows, registries, versions, wrapped_flows
from airflow_provider_azml.spec.needs import Named, Need

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.target import Target

LATEST, DEFAULT = "latest", "default"
_DEFAULT_VERSION = "azureml_default"
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Pin:
    """The version that a label stands for.

    Args:
        version: The version; ``None`` where it cannot be found out, so that Azure ML is left to look.
        why: What makes it that one, or why it is not known.
    """

    version: str | None
    why: str


class Labelled(ABC):
    """A reference with a label."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The reference as pins and messages have it, e.g. ``environment sklearn@latest``."""

    @abstractmethod
    def look_up(self, target: Target, as_of: datetime | None) -> Flow[Pin]:
        """Find out what it stands for.

        Args:
            target: The workspace.
            as_of: Newer versions do not count.
        """


@dataclass(frozen=True)
class Newest(Need, Labelled):
    """The version of a registered asset that was created last: what ``@latest`` means."""

    kind: str
    name: str

    @property
    def label(self) -> str:
        """The reference as pins and messages have it."""
        return f"{self.kind} {self.name}@{LATEST}"

    def look_up(self, target: Target, as_of: datetime | None) -> Flow[Pin]:
        """Find out which was created last."""
        return _pin(
            (yield from versions.newest_version(target.workspace.child(self.kind, self.name), as_of=as_of)), as_of
        )

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Take what is pinned, or look it up."""
        version = target.pins.get(self.label) or (yield from self.look_up(target, None)).version
        return target.workspace.child(self.kind, self.name, str(version))


@dataclass(frozen=True)
class DefaultVersion(Named, Labelled):
    """The version of a component that its owner made the default; Azure ML looks it up where it is not pinned."""

    name: str

    @property
    def label(self) -> str:
        """The reference as pins and messages have it."""
        return f"component {self.name}@{DEFAULT}"

    def look_up(self, target: Target, as_of: datetime | None) -> Flow[Pin]:  # noqa: ARG002 (it tells no past)
        """Find out which is the default now.

        Source: azure-ai-ml 1.35.2, ``DEFAULT_COMPONENT_VERSION``: the version ``azureml_default``, whose specification
        tells which it is.
        """
        found = yield from flows.get(target.workspace.child("component", self.name, _DEFAULT_VERSION))
        version = (found["properties"].get("componentSpec") or {}).get("version") or found["name"]
        if version == _DEFAULT_VERSION:
            return Pin(None, "the service does not tell which version is the default")
        return Pin(str(version), "the default version now")

    def id_in(self, target: Target) -> str:
        """Its ARM id."""
        pinned = target.pins.get(self.label)
        container = target.workspace.child("component", self.name)
        return f"{container}/versions/{pinned}" if pinned else f"{container}/labels/{DEFAULT}"


@dataclass(frozen=True)
class Curated(Named, Labelled):
    """The newest version of a curated environment by its short name; Azure ML looks it up where it is not pinned."""

    name: str

    @property
    def label(self) -> str:
        """The reference as pins and messages have it."""
        return f"environment {self.name}@{LATEST}"

    def look_up(self, target: Target, as_of: datetime | None) -> Flow[Pin]:
        """Find out which was created last, by the workspace, which shows curated environments as its own."""
        return _pin(
            (yield from versions.newest_version(target.workspace.child("environment", self.name), as_of=as_of)), as_of
        )

    def id_in(self, target: Target) -> str:
        """Its short name."""
        pinned = target.pins.get(self.label)
        return f"azureml:{self.name}:{pinned}" if pinned else f"azureml:{self.name}@{LATEST}"


@dataclass(frozen=True)
class OfRegistry(Named, Labelled):
    """The newest version of an asset in a registry; Azure ML looks it up where it is not pinned.

    Args:
        registry: Name of the registry.
        segment: How the kind of the asset is called in ids, e.g. ``environments``.
        name: Name of the asset.
    """

    registry: str
    segment: str
    name: str

    @property
    def label(self) -> str:
        """The reference as pins and messages have it."""
        return f"{self._asset}/labels/{LATEST}"

    @property
    def _asset(self) -> str:
        return f"azureml://registries/{self.registry}/{self.segment}/{self.name}"

    def look_up(self, target: Target, as_of: datetime | None) -> Flow[Pin]:
        """Find out which was created last, by the registry."""
        asking = registries.newest_version(target.cloud, self.registry, self.segment, self.name, as_of=as_of)
        return _pin((yield from wrapped_flows.once(asking, timeout_seconds=_PATIENCE_SECONDS)), as_of)

    def id_in(self, target: Target) -> str:
        """Its id."""
        pinned = target.pins.get(self.label)
        return f"{self._asset}/versions/{pinned}" if pinned else self.label


def _pin(newest: Json, as_of: datetime | None) -> Pin:
    created = versions.created_at(newest)
    if as_of is None:
        return Pin(str(newest["name"]), "the newest now")
    if created is not None and created > as_of:
        why = f"the first there is, made at {created.isoformat()}; there was none by {as_of.isoformat()}"
        return Pin(str(newest["name"]), why)
    return Pin(str(newest["name"]), f"the newest of {as_of.isoformat()}")
