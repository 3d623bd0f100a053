"""The trigger of asset watchers: tells which blobs of a datastore were added or changed."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_azml.hooks.airflow_versions import conf
from airflow_provider_azml.rest import datastores
from airflow_provider_azml.triggers.datastore_polls import DatastorePlace, Trouble, polling
from airflow_provider_azml.triggers.watermarks import BesideData, InAirflow, Keeper, Nowhere, WatermarkName, key_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

    from airflow.triggers.shared_stream import SharedStreamProducer

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.listed_blobs import ListedBlob
    from airflow_provider_azml.triggers.acknowledged import Acknowledged
    from airflow_provider_azml.triggers.datastore_polls import DatastorePoll, Look
    from airflow_provider_azml.triggers.told_blobs import ToldBlobs
    from airflow_provider_azml.triggers.watermarks import Watermark

Per = Literal["blob", "poll"]
POLL_SECONDS = 300.0
"""As schedules of CLI v1 look, unless they say otherwise."""
MOST_AT_ONCE = 1000
"""How many blobs one look tells of; of the rest the next one does, which then comes soon. Airflow's database takes each
event by itself, and maps no task over more than 1024, ``[core] max_map_length``."""
SETTLE_SECONDS = 10.0
"""How long after an event its watermark is kept, where Airflow does not say when it has the event: before 3.3."""


class AzmlDatastorePathTrigger(BaseEventTrigger):
    """Tells an asset which blobs right in a folder of a datastore were added or changed: for ``AssetWatcher``.

    Subfolders are not looked into. A blob is told of when its ETag changes, also when what was written is what was
    there before; a renamed one under its new name; a deleted one not at all. What is there when a watcher begins for
    the first time is not new.

    All watchers of a datastore on a triggerer share one poll loop, and list each folder once. Errors of the service do
    not end a watcher: it tells them in the triggerer's log, and looks on; less often when they last.

    What was told of is kept, so that it is told once, whatever happens to the triggerer: no change is lost, and one is
    told twice only if the triggerer dies between the event and the keeping of it.

    Args:
        datastore: Name of a datastore of type AzureBlob or AzureDataLakeGen2.
        path: Folder in it; empty for the container's top.
        azml_conn_id: Connection of type ``azml``.
        subscription_id: Subscription instead of the connection's.
        resource_group: Resource group instead of the connection's.
        workspace: Workspace instead of the connection's.
        poll_seconds: Pause between two looks, in seconds.
        per: ``blob`` for an event per blob, ``poll`` for one per look with all blobs, up to 1000.
        watermark: Where it is kept what was told of. ``airflow``: in the asset's state store, which Airflow has from
            3.3 on; before, it begins anew with each start of the triggerer, and what changed in between is not told
            of. ``blob``: on every version, in a small blob in the folder ``.azml-watermarks`` of the container, which
            the datastore's credentials have to allow.

    Events:
        Per blob ``{"datastore", "path", "etag", "last_modified", "size", "uri"}``: ``path`` is in the container,
        ``last_modified`` like ``2026-01-31T09:00:00Z``, ``size`` in bytes, ``uri`` like
        ``azureml://datastores/d/paths/p``. Per poll ``{"datastore", "folder", "uri", "blobs": [...]}``.

    Example:
        >>> incoming = AzmlDatastorePathTrigger("workspaceblobstore", "incoming", poll_seconds=60)
        >>> Asset("incoming", watchers=[AssetWatcher(name="incoming", trigger=incoming)])

    Source: the reference of ``azureml.pipeline.core.Schedule.create`` (``datastore``, ``polling_interval``,
    ``path_on_datastore``) for what is a change, and
    https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html
    """

    def __init__(
        self,
        datastore: str,
        path: str = "",
        *,
        azml_conn_id: str = "azml_default",
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace: str | None = None,
        poll_seconds: float = POLL_SECONDS,
        per: Per = "blob",
        watermark: WatermarkName = "airflow",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's triggers are not typed
        for name, given, known in (("per", per, Per), ("watermark", watermark, WatermarkName)):
            if given not in get_args(known):
                raise ValueError(f"{name} is {given!r}; it is one of {', '.join(map(repr, get_args(known)))}")
        self.datastore = datastore
        self.path = path.strip("/")
        self.azml_conn_id = azml_conn_id
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.workspace = workspace
        self.poll_seconds = float(poll_seconds)
        self.per = per
        self.watermark = watermark
        self._troubled = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The trigger as Airflow stores it, and by which it knows it again: names, nothing secret."""
        fields = (
            "datastore",
            "path",
            "azml_conn_id",
            "subscription_id",
            "resource_group",
            "workspace",
            "poll_seconds",
            "per",
            "watermark",
        )
        return f"{__name__}.{type(self).__name__}", {field: getattr(self, field) for field in fields}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Tell of changes without end: on Airflow before 3.3, which does not say when it has an event."""
        async with polling(self._place) as poll:
            keeper = self._keeper(poll)
            told = await keeper.told_blobs()
            with poll.watch(self.path, poll_seconds=self.poll_seconds) as watch:
                async for news in watch.looks():
                    events = self._events(news, told)
                    for event in events:
                        yield event
                    if events and self.watermark == "blob":
                        await asyncio.sleep(SETTLE_SECONDS)
                    await keeper.keep(told.stored() if told.unstored else None)

    # -- Airflow from 3.3 on: what has been told of is kept when Airflow's database has the events ------------------

    def shared_stream_key(self) -> Hashable:
        """A stream for each trigger: its datastore's looks are shared already, and each keeps what it told of."""
        return (__name__, self.trigger_id, *self.serialize()[1].values())

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """What hands looks to a trigger, and hears when Airflow's database has their events."""
        # Airflow has what it is made of from 3.3 on
        from airflow_provider_azml.triggers.acknowledged import Looks

        trigger = cls(**kwargs)
        return Looks(trigger._place, trigger.path, trigger.poll_seconds)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Acknowledged]) -> AsyncIterator[TriggerEvent]:
        """Tell of changes without end."""
        async with polling(self._place) as poll:
            keeper = self._keeper(poll)
            told = await keeper.told_blobs()
            async for seen in shared_stream:
                events = self._events(seen.news, told)
                seen.then(keeper, told.stored() if told.unstored else None)
                for event in events:
                    yield event

    # -- both ----------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> DatastorePlace:
        return DatastorePlace(
            self.azml_conn_id, self.subscription_id, self.resource_group, self.workspace, self.datastore
        )

    @property
    def _uri(self) -> str:
        return datastores.uri(self.datastore, f"{self.path}/" if self.path else "")

    def _keeper(self, poll: DatastorePoll) -> Keeper:
        return Keeper(self._watermark(poll), self.log, self._uri)

    def _watermark(self, poll: DatastorePoll) -> Watermark:
        named = (self.subscription_id, self.resource_group, self.workspace, self.path)
        if self.watermark == "blob":
            # whoever else watches the same folder has a watermark of his own
            deployment = conf.get("azml", "deployment", fallback="")
            return BesideData(poll, key_of(self.datastore, deployment, self.azml_conn_id, self.per, *named))
        stores = getattr(self, "asset_state_store", None)  # Airflow has it from 3.3 on
        return InAirflow(stores, key_of(f"azml-{self.datastore}", *named)) if stores else Nowhere()

    def _events(self, news: Look | Trouble, told: ToldBlobs) -> list[TriggerEvent]:
        """The events of a look, whose blobs then count as told of."""
        if isinstance(news, Trouble):
            self._complain(news)
            return []
        if self._troubled:
            self.log.info("Changes in %s are looked for again", self._uri)
            self._troubled = False
        new = told.changes(news.blobs)
        if new[MOST_AT_ONCE:]:
            news.again()
        new = new[:MOST_AT_ONCE]
        told.tell(new)
        blobs = [self._blob(blob) for blob in new]
        if self.per == "blob" or not blobs:
            return [TriggerEvent(blob) for blob in blobs]  # type: ignore[no-untyped-call]  # as above
        payload = {"datastore": self.datastore, "folder": self.path, "uri": self._uri, "blobs": blobs}
        return [TriggerEvent(payload)]  # type: ignore[no-untyped-call]  # as above

    def _blob(self, blob: ListedBlob) -> Json:
        found = asdict(blob)
        return {
            "datastore": self.datastore,
            "path": found["name"],
            "etag": found["etag"],
            "last_modified": found["modified"],
            "size": found["size"],
            "uri": datastores.uri(self.datastore, blob.name),
        }

    def _complain(self, trouble: Trouble) -> None:
        tell = self.log.error if trouble.lasting and not self._troubled else self.log.warning
        self._troubled = self._troubled or trouble.lasting
        tell("Changes in %s cannot be looked for: %s. Next try in %.0f s", self._uri, trouble.error, trouble.pause)
