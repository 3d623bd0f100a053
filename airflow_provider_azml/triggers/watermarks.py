"""Where it is kept what has been told of, so that nothing is lost or told twice when a triggerer is restarted."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from airflow_provider_azml.triggers.told_blobs import ToldBlobs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk.execution_time.context import AssetStateStoreAccessor, AssetStateStoreAccessors

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.triggers.datastore_polls import DatastorePoll

    class Logger(Protocol):
        """What a trigger logs by."""

        def warning(self, event: str, *args: object) -> object:
            """Tell of something."""


WatermarkName = Literal["airflow", "blob"]
FOLDER = ".azml-watermarks"
"""Folder of the container for watermarks in blobs."""
_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Pauses in which a watermark is tried to be read; the last one for ever."""


class Watermark(Protocol):
    """Keeps one JSON object."""

    async def read(self) -> Json | None:
        """What is kept; ``None`` when nothing is."""

    async def write(self, value: Json) -> None:
        """Keep something else."""


@dataclass(frozen=True)
class InAirflow:
    """In the state store of the assets that are watched.

    Args:
        stores: The stores, as the triggerer gives them.
        key: Under which key.

    Source: ``airflow.sdk.execution_time.context.AssetStateStoreAccessors``, Airflow 3.3.
    """

    stores: AssetStateStoreAccessors
    key: str

    async def read(self) -> Json | None:
        """What is kept of the first asset that has it."""
        for store in self._each():
            found = await store.aget(self.key)
            if isinstance(found, dict):
                return found
        return None

    async def write(self, value: Json) -> None:
        """Keep it for each of the assets: any of them may be the last."""
        for store in self._each():
            await store.aset(self.key, value)

    def _each(self) -> Iterable[AssetStateStoreAccessor | AssetStateStoreAccessors]:
        """The store of each asset; Airflow names them to nobody, and one of several is found by its name alone."""
        return list(getattr(self.stores, "_by_name", {}).values()) or [self.stores]


@dataclass(frozen=True)
class BesideData:
    """In a small blob of the datastore's container.

    Args:
        poll: The datastore.
        key: Name of the blob, without its folder and ending.
    """

    poll: DatastorePoll
    key: str

    async def read(self) -> Json | None:
        """What the blob holds."""
        text = await self.poll.read_blob(self._name)
        found: Json | None = None if text is None else json.loads(text)
        return found

    async def write(self, value: Json) -> None:
        """Write the blob."""
        await self.poll.write_blob(self._name, json.dumps(value))

    @property
    def _name(self) -> str:
        return f"{FOLDER}/{self.key}.json"


@dataclass(frozen=True)
class Nowhere:
    """Nowhere: each start is a first one."""

    async def read(self) -> Json | None:
        """Nothing."""
        return None

    async def write(self, value: Json) -> None:
        """Nothing."""


@dataclass
class Keeper:
    """Brings a watermark up to what Airflow has been told of.

    Args:
        watermark: The watermark.
        log: Where troubles are told.
        title: What is watched, for the log.
    """

    watermark: Watermark
    log: Logger
    title: str
    _pending: Json | None = field(default=None, init=False)

    async def told_blobs(self) -> ToldBlobs:
        """What was told of before; read until that succeeds, because without it changes would be lost."""
        pauses = iter(_PAUSES)
        while True:
            try:
                return ToldBlobs(await self.watermark.read())
            except ValueError as error:
                self.log.warning("What was told of %s is lost, what is there now is not new: %s", self.title, error)
                return ToldBlobs()
            except Exception as error:  # noqa: BLE001 (of Airflow's API or of the storage; a watcher outlives them all)
                pause = next(pauses, _PAUSES[-1])
                self.log.warning("What was told of %s cannot be read: %s. Next try in %.0f s", self.title, error, pause)
                await asyncio.sleep(pause)

    async def keep(self, value: Json | None) -> None:
        """Keep what has been told of, and what could not be kept before.

        Args:
            value: It; ``None`` when there is nothing new.
        """
        self._pending = value or self._pending
        if self._pending is None:
            return
        try:
            await self.watermark.write(self._pending)
        except Exception as error:  # noqa: BLE001 (as above)
            self.log.warning("What was told of %s cannot be kept now, it is tried again: %s", self.title, error)
        else:
            self._pending = None


def key_of(readable: str, *parts: str | None) -> str:
    """The key of a watermark: the same for the same watcher, another for each other one.

    Args:
        readable: What a person may know it by.
        parts: What tells it from others.
    """
    told = hashlib.sha256("\0".join(part or "" for part in (readable, *parts)).encode()).hexdigest()[:16]
    return f"{readable}-{told}"
