"""The trigger of a sensor that no worker begins: the scheduler starts it, and it ends the task where it waits."""

from __future__ import annotations

import asyncio
import math
from dataclasses import asdict
from datetime import timezone
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from airflow_provider_azml.exceptions import ApiError, AzmlError, ConnectionIncomplete
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.rest import arm_ids, results
from airflow_provider_azml.rest.awaited import Awaited
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.triggers.templates import forget_dag, names_of
from airflow_provider_azml.triggers.wait import AzmlWaitTrigger, outcome_of
from airflow_provider_azml.triggers.watcher import watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    import jinja2
    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.triggers.watcher import Watcher

Push = Literal["nothing", "result", "keys"]
"""Which XComs of its result a task leaves: none, ``return_value``, or each key of that besides."""
_LEAD_SECONDS = 2.0
"""How long before Airflow stops a task for its ``execution_timeout`` the trigger tells why."""
_PUSH_SECONDS = 30.0
_RETURNED = "return_value"
_PLACE = ("azml_conn_id", "subscription_id", "resource_group", "workspace")
_WAITING = (
    "poll_seconds",
    "timeout_seconds",
    "execution_timeout_seconds",
    "grace_seconds",
    "tolerate_errors_seconds",
    "stream_logs",
)


class AzmlSensorTrigger(AzmlWaitTrigger):
    """Waits for what a sensor names, without a worker in the good case.

    What it waits for it finds out by itself, as far as templates can be rendered in the triggerer. When the wait ends
    well, the task succeeds here, with its XComs. Everything else is an event that goes on in a worker, where retries,
    ``soft_fail`` and callbacks hold.

    Args:
        kind: Kind of the resource; this and the next three as ``rest.awaited.Awaited`` has them, with their templates.
        names: Argument of the sensor -> name.
        goal: What is waited for.
        wanted: The values that the goal takes.
        azml_conn_id: Connection of type ``azml``, or a template; the next three likewise.
        subscription_id: Instead of the connection's.
        resource_group: Instead of the connection's.
        workspace: Instead of the connection's.
        poll_seconds: Pause between two looks, in seconds.
        timeout_seconds: How long to wait at most, in seconds.
        execution_timeout_seconds: After how many seconds Airflow stops the task, if it does.
        grace_seconds: How long after ``timeout_seconds`` Airflow ends the deferral, in seconds.
        tolerate_errors_seconds: How long errors in between are borne, in seconds.
        stream_logs: Whether a job's log is told as it grows.
        push: Which XComs are left; ``None``: a worker ends the task.
    """

    def __init__(
        self,
        *,
        kind: str,
        names: dict[str, object],
        goal: GoalName,
        wanted: Json,
        azml_conn_id: str,
        subscription_id: str | None,
        resource_group: str | None,
        workspace: str | None,
        poll_seconds: float,
        timeout_seconds: float,
        execution_timeout_seconds: float | None,
        grace_seconds: float,
        tolerate_errors_seconds: float,
        stream_logs: bool,
        push: Push | None,
    ) -> None:
        super().__init__(
            arm_id="",
            goal=goal,
            wanted=wanted,
            azml_conn_id=azml_conn_id,
            poll_seconds=poll_seconds,
            tolerate_errors_seconds=tolerate_errors_seconds,
            stream_logs=stream_logs,
        )
        self.kind = kind
        self.names = names
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.workspace = workspace
        self.timeout_seconds = timeout_seconds
        self.execution_timeout_seconds = execution_timeout_seconds
        self.grace_seconds = grace_seconds
        self.push = push
        self.links: dict[str, str] = {}
        self.timeout_after: datetime | None = None
        self._left: str | None = "Airflow has not rendered its templates"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The trigger as Airflow stores it."""
        fields = ("kind", "names", "goal", "wanted", *_PLACE, *_WAITING, "push")
        return f"{__name__}.{type(self).__name__}", {field: getattr(self, field) for field in fields}

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render templates; Airflow calls it before :meth:`run`.

        What cannot be rendered here is left to a worker, so an error is no failure.
        """
        import jinja2

        environment = jinja_env or self.get_template_env()
        environment.undefined = jinja2.StrictUndefined
        try:
            names = cast("Context", names_of(context))
            for field in ("names", "wanted", *_PLACE):
                setattr(self, field, self.render_template(getattr(self, field), names, environment))
        except Exception as error:  # noqa: BLE001 (a template may raise anything; a worker says what is wrong with it)
            self._left = f"{type(error).__name__}: {error}"
        else:
            self._left = None
        finally:
            forget_dag(context)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and end the task, or fire what ``AzmlSensor.resume`` goes on from."""
        hook = AzmlHook(self.azml_conn_id, self.subscription_id, self.resource_group, self.workspace)
        try:
            if not self._left:
                await self._prepare(hook)
        except AzmlError as error:
            self._left = str(error)
        finally:
            await hook.aclose()
        if self._left:
            self.log.info("This task begins in a worker: %s", self._left)
            yield _event({"begin": self._left})
            return
        for url in self.links.values():
            self.log.info("Azure ML studio: %s", url)
        showing = asyncio.create_task(self._push(self.links))  # Airflow may take its time
        try:
            async with watching(self.azml_conn_id, hook.workspace_id) as watcher:
                async for event in super().run():
                    yield await self._end_task(watcher, hook, event)
        finally:
            showing.cancel()

    async def _prepare(self, hook: AzmlHook) -> None:
        """Find out what to wait for, and until when.

        Raises:
            AzmlError: The connection, a name or a value cannot be used.
        """
        await hook.aopen()
        ticket = Awaited(self.kind, self.names, self.goal, self.wanted).ticket(hook.workspace_id)
        self.arm_id, self.wanted = ticket.arm_id, ticket.wanted
        self.links = {AzmlStudioLink.key: _studio_url(hook, ticket.arm_id)}
        execution_timeout = self.execution_timeout_seconds or math.inf
        if self.timeout_after:
            ends = self.timeout_after.replace(tzinfo=self.timeout_after.tzinfo or timezone.utc)
            self.began = ends.timestamp() - min(self.timeout_seconds + self.grace_seconds, execution_timeout)
        if execution_timeout - _LEAD_SECONDS < self.timeout_seconds:
            deadlines = Deadlines(self.began + max(execution_timeout - _LEAD_SECONDS, 0), "execution_timeout")
        else:
            deadlines = Deadlines(self.began + self.timeout_seconds)
        self.deadlines = asdict(deadlines)

    async def _end_task(self, watcher: Watcher, hook: AzmlHook, event: TriggerEvent) -> TriggerEvent:
        """The event that ends the task, if the wait ended well; else the one that a worker goes on from."""
        if self.push is None or "outcome" not in event.payload or not outcome_of(event.payload).succeeded:
            return event
        arm_id = outcome_of(event.payload).arm_id
        url = _studio_url(hook, arm_id)
        try:
            result = await watcher.follow(results.told(arm_id, {}, url))
        except (ApiError, ConnectionIncomplete) as error:
            self.log.warning("A worker ends this task, because its result cannot be read here: %s", error)
            return event
        told = {"nothing": {}, "result": {_RETURNED: result}, "keys": {**result, _RETURNED: result}}[self.push]
        is_told = await self._push({**told, AzmlStudioLink.key: url})
        return TaskSuccessEvent() if is_told else event

    async def _push(self, xcoms: Json) -> bool:
        """Leave XComs of the task, and say whether Airflow took them.

        Those that a ``TaskSuccessEvent`` carries are of no use: Airflow 3.3.2 makes text of them, twice JSON
        (``XComModel.set`` with ``serialize=True``), and a task that pulls one gets that text.
        """
        from airflow.sdk.bases.xcom import BaseXCom

        place = {name: getattr(self.task_instance, name) for name in ("dag_id", "task_id", "run_id", "map_index")}
        try:
            for key, value in xcoms.items():
                await asyncio.wait_for(BaseXCom.aset(key, value, **place), _PUSH_SECONDS)
        except Exception as error:  # noqa: BLE001 (whatever Airflow raises; a worker does it then)
            self.log.warning("XComs cannot be left here: %s", error)
            return False
        return True


def _studio_url(hook: AzmlHook, arm_id: str) -> str:
    shown = arm_ids.parse(arm_id)
    return hook.studio_url(shown.kind, shown.name, shown.version)


def _event(payload: Json) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's triggers are not typed
