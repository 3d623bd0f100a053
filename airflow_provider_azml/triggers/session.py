"""The one sign-in of a watcher: its connection is read once, and again when the service refuses it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_azml.exceptions import ApiError, ConnectionIncomplete
from airflow_provider_azml.hooks.airflow_versions import AirflowNotFoundException
from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_azml.rest.flows import Flow

T = TypeVar("T")
_log = logging.getLogger(__name__)
_REREAD_SECONDS = 15.0
"""How often the connection is read again, while the service refuses what it says."""
_LOOK_AGAIN_SECONDS = (1.0, 2.0, 4.0)
"""Pauses in which a connection is looked for: Airflow knows none either while its API is out of order.

Source: ``ExecutionAPISecretsBackend.get_connection`` of Airflow 3.3.2, "not found or transient error".
"""
_CANCELLED_AT_MOST = 3
_UNUSABLE_SECONDS = 1.0
"""For how long all who come hear what the first did of a connection that cannot be used."""


@dataclass
class _Opened:
    hook: AzmlHook
    uses: int = 0
    retired: bool = False


class Session:
    """Drives flows with one client, for whoever waits on this event loop.

    Args:
        azml_conn_id: Connection of type ``azml``.
    """

    def __init__(self, azml_conn_id: str) -> None:
        self._conn_id = azml_conn_id
        self._opened: _Opened | None = None
        self._opening = asyncio.Lock()
        self._read_at = 0.0
        self._unusable: ApiError | ConnectionIncomplete | None = None
        self._unusable_until = 0.0

    async def arun(self, flow: Flow[T]) -> T:
        """Drive a flow.

        Raises:
            ConnectionIncomplete: The connection cannot be used.
            AzmlError: Whatever the flow raises.
        """
        opened = await self._open()
        opened.uses += 1
        try:
            return await opened.hook.arun(flow)
        finally:
            opened.uses -= 1
            if opened.retired and not opened.uses:
                await opened.hook.aclose()

    async def hook(self) -> AzmlHook:
        """The hook of the connection as it is now.

        Raises:
            ConnectionIncomplete: The connection cannot be used.
        """
        return (await self._open()).hook

    async def reread(self) -> None:
        """Read the connection again, after the service refused it: its secret may have been changed."""
        async with self._opening:
            loop, old = asyncio.get_running_loop(), self._opened
            if not old or loop.time() - self._read_at < _REREAD_SECONDS:
                return
            self._read_at = loop.time()
            hook = AzmlHook(self._conn_id)
            try:
                await hook.aopen()
            except (ApiError, ConnectionIncomplete) as error:
                _log.warning("Connection %r could not be read again: %s", self._conn_id, error)
                return
            if hook.settings == old.hook.settings:
                return
            _log.info("Connection %r has changed, and is used as it is now", self._conn_id)
            self._opened, old.retired = _Opened(hook), True
            if not old.uses:
                await old.hook.aclose()

    async def aclose(self) -> None:
        """Close the connections; nobody may drive a flow any more."""
        if self._opened:
            await self._opened.hook.aclose()

    async def aclose_after(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Cancel tasks and close the connections, whoever else wants the calling task to end meanwhile.

        The last who waits does, and so does the end of the loop.

        Args:
            tasks: Those that drive flows; looked at again after each interruption.
        """
        for _ in range(_CANCELLED_AT_MOST):
            with suppress(asyncio.CancelledError):
                running = list(tasks)
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                await self.aclose()
                return

    async def _open(self) -> _Opened:
        if self._opened:
            return self._opened
        async with self._opening:  # whoever comes meanwhile waits for the one who was first
            loop = asyncio.get_running_loop()
            if self._unusable and loop.time() < self._unusable_until:
                raise self._unusable
            if not self._opened:
                try:
                    self._opened, self._read_at = _Opened(await self._found()), loop.time()
                except (ApiError, ConnectionIncomplete) as error:
                    self._unusable, self._unusable_until = error, loop.time() + _UNUSABLE_SECONDS
                    raise
        return self._opened

    async def _found(self) -> AzmlHook:
        """A hook of the connection, once Airflow finds that.

        Raises:
            ConnectionIncomplete: It cannot be used, or there is none.
            ApiError: What it leads to does not answer.
        """
        for pause in (*_LOOK_AGAIN_SECONDS, None):
            hook = AzmlHook(self._conn_id)
            try:
                await hook.aopen()
            except ConnectionIncomplete as error:
                if pause is None or not isinstance(error.__cause__, AirflowNotFoundException):
                    raise
                await asyncio.sleep(pause)
            else:
                break
        return hook
