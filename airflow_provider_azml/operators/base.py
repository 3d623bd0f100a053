"""What all operators share: the connection, templates, and ``submit -> wait -> result``, blocking or deferred."""

from __future__ import annotations

import time
from abc import abstractmethod
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import (
    ApiError,
    AuthError,
    ConnectionIncomplete,
    JobNameTaken,
    NotFound,
    RunFailed,
    SpecError,
    TrafficChanged,
    TrafficRefused,
)
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, conf
from airflow_provider_azml.links import AzmlEndpointLink, AzmlStudioLink
from airflow_provider_azml.operators.shielding import ShieldedOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.hooks.azml import AzmlHook
    from airflow_provider_azml.rest.deadlines import Deadlines
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket

LOG_LINES = 20
"""How many lines from the end of a log an exception shows."""
REFUSED = frozenset({400, 403, 409})
"""HTTP statuses of a submission that another try would get again."""


class AzmlOperator(ShieldedOperator):
    """Base of all operators and sensors of this package.

    A subclass says what to :meth:`submit` and what to make of its end in :meth:`advance`; how to wait is said here,
    once.

    Args:
        azml_conn_id: Connection of type ``azml``.
        subscription_id: Instead of the connection's.
        resource_group: Instead of the connection's.
        workspace: Instead of the connection's.
        config_path: A ``config.json``, or a folder in or above which there is ``.azureml/config.json`` or
            ``config.json``, relative to the folder of the DAG file. It says what neither arguments nor connection say
            of the workspace.
        deferrable: Wait in the triggerer instead of in a worker; by default what ``[operators] default_deferrable``
            says.
        poll_seconds: Pause between two looks at the service, in seconds; slower for what lasts long.
        timeout_seconds: How long a try waits at most, in seconds; without one, as long as ``execution_timeout`` lets
            it. Both hold while the task is deferred too. They end the wait, not what is waited for (but for jobs with
            ``cancel_on_kill``); a retry takes it up again.
        tolerate_errors_seconds: How long the service may be out of reach while something is waited for, in seconds:
            no answer, 408, 429, 5xx, an expired token. A refusal (401, 403, 404) is borne for a minute at most.
        multiple_outputs: Push each key of the result as an XCom of its own too, for ``task.output["name"]``.
    """

    template_fields: Sequence[str] = ("azml_conn_id", "subscription_id", "resource_group", "workspace", "config_path")
    template_ext: Sequence[str] = ()
    ui_color = "#e8f1fb"

    stream_logs: bool = False
    """Whether a job's log is told as it grows."""

    cancel_on_kill: bool = False
    """Whether a job is cancelled when its task is killed or its time is up."""

    defers_often: ClassVar[bool] = False
    """Whether it is deferred once after another. What the triggerer told of each deferral is told again then: Airflow
    keeps that of the last one alone."""

    def __init__(
        self,
        *,
        azml_conn_id: str = "azml_default",
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace: str | None = None,
        config_path: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_seconds: float = 15,
        timeout_seconds: float | None = None,
        tolerate_errors_seconds: float = 600,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.azml_conn_id = azml_conn_id
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.workspace = workspace
        self.config_path = config_path
        self.deferrable = deferrable
        self.poll_seconds = poll_seconds
        self.timeout_seconds = timeout_seconds
        self.tolerate_errors_seconds = tolerate_errors_seconds
        self.links: dict[str, str] = {}
        self.carried: Json = {}

    # -- what a subclass says ------------------------------------------------------------------------------------

    @abstractmethod
    def submit(self, context: Context) -> Any:  # Ticket, or any JSON
        """Send the first request; answer the ticket to wait for, or the result if there is nothing to wait for."""

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Go on from how an act ended: with the next act to wait for, or with the task's result."""
        from airflow_provider_azml.rest.arm_ids import parse

        if not outcome.succeeded:
            raise outcome.failure()
        made = parse(outcome.arm_id)
        version = {"version": made.version} if made.version else {}
        return {"name": made.name, **version, "id": outcome.arm_id, "status": outcome.status}

    # -- how it runs ---------------------------------------------------------------------------------------------

    @cached_property
    def hook(self) -> AzmlHook:
        """The hook of the task's connection."""
        from airflow_provider_azml.hooks.azml import AzmlHook

        config_path = None if self.config_path is None else self.folder / self.config_path
        return AzmlHook(self.azml_conn_id, self.subscription_id, self.resource_group, self.workspace, config_path)

    def execute(self, context: Context) -> Any:  # whatever the last step answers
        """Submit, wait, and return the result."""
        self.carried = {}
        with self._permanent_errors():
            self.check_arguments()
            deadlines = self.deadlines(time.time())
            with self.guarded(context):
                return self._follow(context, self.submit(context), deadlines)

    def resume(self, context: Context, event: Json, carried: Json | None = None) -> Any:  # what the last step answers
        """Go on when the trigger has fired, with what was known before the task was deferred."""
        from airflow_provider_azml.rest.deadlines import Deadlines
        from airflow_provider_azml.triggers.wait import outcome_of

        self.links.update(event.get("links") or {})
        self.carried.update(carried or {})
        for level, line in event.get("told", ()) if self.defers_often else ():
            self.log.log(level, "While deferred: %s", line)
        with self._permanent_errors():
            self.check_arguments()
            with self.guarded(context):
                return self._follow(context, self.advance(context, outcome_of(event)), Deadlines(**event["deadlines"]))

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import optional_seconds, seconds, yes_or_no
        from airflow_provider_azml.rest.pace import LONGEST_POLL_SECONDS

        self.deferrable = yes_or_no("deferrable", self.deferrable)
        self.stream_logs = yes_or_no("stream_logs", self.stream_logs)
        self.cancel_on_kill = yes_or_no("cancel_on_kill", self.cancel_on_kill)
        self.poll_seconds = seconds("poll_seconds", self.poll_seconds, longest=LONGEST_POLL_SECONDS)
        self.timeout_seconds = optional_seconds("timeout_seconds", self.timeout_seconds)
        self.tolerate_errors_seconds = seconds("tolerate_errors_seconds", self.tolerate_errors_seconds, zero=True)

    def deadlines(self, now: float) -> Deadlines:
        """When the wait is given up, if the task begins now, in seconds since the epoch."""
        from airflow_provider_azml.rest.deadlines import Deadlines

        ends = None if self.timeout_seconds is None else now + self.timeout_seconds
        if self.execution_timeout is not None:
            stopped = now + self.execution_timeout.total_seconds()
            if ends is None or stopped < ends:
                return Deadlines(stopped, "execution_timeout")
        return Deadlines(ends)

    def owns(self, context: Context, arm_id: str) -> bool:
        """Whether what is waited for is the task's own, so that nobody wants it once the task is ended."""
        return True

    def _follow(self, context: Context, step: object, deadlines: Deadlines) -> object:
        from airflow_provider_azml.rest.waiting import Ticket, ended

        while isinstance(step, Ticket):
            outcome = ended(step)
            if outcome is None and self.deferrable and self._fits_into_trigger(step):
                self._defer(context, step, deadlines)
            step = self.advance(context, outcome or self._settle(step, deadlines))
        self.finish(context, step)
        return step

    def _fits_into_trigger(self, pending: Ticket) -> bool:
        from airflow_provider_azml.rest import steadiness

        fits = steadiness.travels(pending)
        if not fits:
            limit = f"{steadiness.MOST_TRAVELLING // 1000} kB"
            self.log.warning("Waiting in the worker: the checks come to more than the %s that a trigger takes", limit)
        return fits

    def finish(self, context: Context, result: object) -> None:
        """Tell what there is to tell of a result besides the result itself, when the task is about to succeed."""

    def _settle(self, pending: Ticket, deadlines: Deadlines) -> Outcome:
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.awaited_nodes import NODE
        from airflow_provider_azml.rest.following import Follower
        from airflow_provider_azml.rest.patience import Patience
        from airflow_provider_azml.rest.waiting import settle

        streams = self.stream_logs and parse(pending.arm_id).kind == "job"
        only_status = pending.goal == NODE
        follower = Follower(
            pending.arm_id, self.log.log, stream_logs=streams, body=pending.body, only_status=only_status
        )
        waiting = settle(
            pending,
            poll_seconds=self.poll_seconds,
            deadlines=deadlines,
            patience=Patience(self.tolerate_errors_seconds),
            follow=follower.look,
        )
        return self.drive(waiting)

    def drive(self, waiting: Flow[Outcome]) -> Outcome:
        """Drive a flow that waits, blocking."""
        return self.hook.run(waiting)

    @contextmanager
    def guarded(self, context: Context) -> Iterator[None]:
        """What holds while the task runs; for whatever has to be seen to when that is interrupted."""
        yield

    def _defer(self, context: Context, pending: Ticket, deadlines: Deadlines) -> None:
        from dataclasses import asdict

        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.triggers.wait import AzmlWaitTrigger

        is_job = parse(pending.arm_id).kind == "job"
        trigger = AzmlWaitTrigger(
            arm_id=pending.arm_id,
            operation_url=pending.operation_url,
            goal=pending.goal,
            wanted=pending.wanted,
            azml_conn_id=self.azml_conn_id,
            poll_seconds=self.poll_seconds,
            deadlines=asdict(deadlines),
            tolerate_errors_seconds=self.tolerate_errors_seconds,
            stream_logs=self.stream_logs and is_job,
            cancel_on_kill=self.cancel_on_kill and is_job and self.owns(context, pending.arm_id),
            max_tries=context["ti"].max_tries,
            links=self.links,
        )
        kwargs = {"carried": self.carried} if self.carried else None
        self.defer(trigger=trigger, method_name="resume", kwargs=kwargs)

    @contextmanager
    def _permanent_errors(self) -> Iterator[None]:
        """Errors that another try would meet again end the task at once."""
        try:
            yield
        except (SpecError, NotFound, JobNameTaken, TrafficChanged, TrafficRefused, ConnectionIncomplete) as error:
            raise AirflowFailException(str(error)) from error
        except ApiError as error:
            # what was waited for goes on, for another try to take up once the credentials are right again
            is_of_a_wait = isinstance(error, AuthError) and error.last_seen
            if is_of_a_wait or not (isinstance(error, AuthError) or error.status in REFUSED):
                raise
            raise AirflowFailException(str(error)) from error

    # -- what subclasses use -------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The folder of the DAG file, which relative paths are relative to."""
        fileloc = getattr(self.get_dag(), "fileloc", None)
        return Path(fileloc).parent if fileloc else Path.cwd()

    def _show(self, context: Context, kind: str, name: str, version: str | None = None) -> str:
        """Put the studio link beside the task at once, and answer its URL."""
        url = self.hook.studio_url(kind, name, version)
        if self.links.get(AzmlStudioLink.key) != url:
            self.log.info("Azure ML studio: %s", url)
            self._link(context, AzmlStudioLink.key, url)
        return url

    def _delete(self, arm_id: str, params: Mapping[str, str] | None = None) -> Ticket:
        """Delete a resource; one that is gone already is as good as deleted."""
        from airflow_provider_azml.rest import flows, waiting

        try:
            return waiting.ticket(arm_id, self.hook.run(flows.delete(arm_id, params=params)), goal="deleted")
        except NotFound as error:
            if error.code in flows.MISSING_PARENTS:
                raise
            return waiting.Ticket(arm_id, goal="deleted")

    def _link(self, context: Context, key: str, url: str) -> None:
        """Set one of the task's links while the task still runs."""
        self.links[key] = url
        context["ti"].xcom_push(key=key, value=url)

    def link_scoring(self, context: Context, endpoint: Json) -> str | None:
        """Put the link to an endpoint's scoring URI beside the task, and answer it."""
        scoring_uri: str | None = endpoint["properties"].get("scoringUri")
        if scoring_uri and self.links.get(AzmlEndpointLink.key) != scoring_uri:
            self._link(context, AzmlEndpointLink.key, scoring_uri)
        return scoring_uri

    def _not_deployed(self, outcome: Outcome, endpoint: str) -> RunFailed:
        """The exception for an endpoint or deployment that ended badly: why, and the end of the deployment's log."""
        from airflow_provider_azml.rest.deployments import failure

        studio_url = self.hook.studio_url("online_endpoint", endpoint)
        return self.hook.run(failure(outcome, lines=LOG_LINES, studio_url=studio_url))
