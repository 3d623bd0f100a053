"""Looks at a folder, and word from Airflow that its database has the events that came of them: from 3.3 on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow.triggers.shared_stream import SharedStreamProducer

from airflow_provider_azml.triggers.datastore_polls import polling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.triggers.datastore_polls import DatastorePlace, Look, Trouble
    from airflow_provider_azml.triggers.watermarks import Keeper


@dataclass
class Acknowledged:
    """A look on its way through Airflow.

    Args:
        news: What was seen.
    """

    news: Look | Trouble
    _to_keep: list[tuple[Keeper, Json | None]] = field(default_factory=list, init=False, repr=False)

    def then(self, keeper: Keeper, value: Json | None) -> None:
        """Have something kept once Airflow's database has all events of the look."""
        self._to_keep.append((keeper, value))

    async def persisted(self) -> None:
        """Keep it."""
        for keeper, value in self._to_keep:
            await keeper.keep(value)


class Looks(SharedStreamProducer):
    """Hands looks at a folder to a trigger.

    Args:
        place: The datastore.
        path: The folder.
        poll_seconds: Pause between two looks, in seconds.

    Source: ``airflow.triggers.shared_stream``, "Producer-side ack channel" and "Persistence-gated advance".
    """

    def __init__(self, place: DatastorePlace, path: str, poll_seconds: float) -> None:
        self._place = place
        self._path = path
        self._poll_seconds = poll_seconds

    async def open_stream(self) -> AsyncIterator[tuple[Acknowledged, Acknowledged]]:
        """The looks, without end."""
        async with polling(self._place) as poll:
            with poll.watch(self._path, poll_seconds=self._poll_seconds) as watch:
                async for news in watch.looks():
                    seen = Acknowledged(news)
                    yield seen, seen

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Keep what was told of, up to the first look whose events are not in the database."""
        for item in batch:
            if item.outcome.failed:
                return
            await item.broker_payload.persisted()
