"""Watches over the job of a try: nothing is submitted after a kill, and what nobody wants is cancelled."""

from __future__ import annotations

import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from airflow_provider_azml.exceptions import ApiError, AzmlError, NotFound
from airflow_provider_azml.hooks.airflow_versions import AirflowException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators.killing import Kill
from airflow_provider_azml.rest import arm_ids, batch_invocations, flows, goals, wrapped_flows
from airflow_provider_azml.rest.flows import Send, Sleep
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.rest.v1 import runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk.types import Logger, RuntimeTaskInstanceProtocol
    from azure.core.rest import HttpRequest, HttpResponse

    from airflow_provider_azml.operators.killing import Orders, Verdict
    from airflow_provider_azml.rest.flows import Flow, Json, Step
    from airflow_provider_azml.rest.goals import GoalName

T = TypeVar("T")
_CANCEL_SECONDS = 2.0
_GLANCE_SECONDS = 0.5
_GOES_ON = "could not be cancelled and may go on: look at it in Azure ML studio"
_LOOK_AGAIN_SECONDS = (1.0, 2.0, 4.0)
"""Pauses in which a job may appear whose PUT was interrupted before its answer."""


class JobGuard:
    """What stands between one try of a task and its one job.

    Args:
        hook: The hook of the task; to cancel, the guard opens another.
        ti: The task instance.
        orders: What the user wants of kills.
        log: The task's log.
        tolerate_errors_seconds: How long a submission bears that the service is out of reach, in seconds.
        goal: What is waited for, a key of ``goals.GOALS``; by it the job is called and cancelled.
        wanted: The values that the goal takes.
    """

    def __init__(
        self,
        hook: AzmlHook,
        ti: RuntimeTaskInstanceProtocol,
        orders: Orders,
        log: Logger,
        *,
        tolerate_errors_seconds: float,
        goal: GoalName = "ended",
        wanted: Json | None = None,
    ) -> None:
        self._goal, self._wanted = goal, wanted or {}
        self._hook = hook
        self._orders = orders
        self._log = log
        self._tolerate_errors_seconds = tolerate_errors_seconds
        self._kill = Kill(ti, orders, log)
        self._job: str | None = None
        self._is_unanswered = False
        self._is_cancelled = False
        self._end = _GOES_ON
        self._is_over = False

    # -- for Airflow ---------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """Airflow asks the task to end, in a handler of signals."""
        if not self._is_over:
            self._kill.ask(self._carry_out)

    def time_is_up(self, arm_id: str | None = None) -> bool:
        """Cancel the job, because it has taken too long; whether the service took that. A kill does nothing more.

        What took too long may have been the PUT, so the job may appear only now.

        Args:
            arm_id: The job, where this process has not submitted it.
        """
        self._is_over = True
        job = self._job or arm_id
        if not job:
            return False
        if not self._orders.cancel_on_kill:
            self._log.info("%s goes on: cancel_on_kill is off", self._called(job))
            return False
        for pause in _LOOK_AGAIN_SECONDS if self._is_unanswered else ():
            if self._cancel(job):
                return True
            time.sleep(pause)
        return self._cancel(job)

    def release(self) -> None:
        """The try has ended. What a trigger was given is still cancelled if that trigger will never be."""
        self._is_over = self._is_over or not self._kill.handed_over

    def _carry_out(self, verdict: Verdict) -> None:
        if verdict == "cancel" and self._job and not self._is_cancelled:
            self._cancel(self._job)

    # -- for the task itself -------------------------------------------------------------------------------------

    def submitting(self, flow: Flow[T], arm_id: str) -> Flow[T]:
        """A flow that submits the job; after a kill it sends nothing more, and answers for what was under way.

        Raises:
            AirflowException: The task was asked to end; its job was not submitted, or is cancelled.
        """

        def do(step: Step) -> Flow[object]:
            self._check_unsent()
            if isinstance(step, Send) and step.request.method == "PUT" and urlsplit(step.request.url).path == arm_id:
                return (yield from self._put(step, arm_id))
            if isinstance(step, Send) and _starts(step.request, arm_id):
                return (yield from self._start(step, arm_id))
            if isinstance(step, Sleep):
                yield from self._pause(step.seconds, self._check_unsent)
                return None
            return (yield step)

        return wrapped_flows.around(flow, do)

    def watch(self, arm_id: str) -> None:
        """Take a job that is submitted into custody.

        Raises:
            AirflowException: The task was asked to end meanwhile; the job is cancelled.
        """
        self._job, self._is_unanswered = arm_id, False
        self._answer_for(arm_id)

    def waiting(self, flow: Flow[T]) -> Flow[T]:
        """A flow that waits for the job; it ends soon after a kill.

        Raises:
            AirflowException: The task was killed; its job is cancelled.
        """

        def do(step: Step) -> Flow[object]:
            if isinstance(step, Sleep):
                yield from self._pause(step.seconds, self._check_wanted)
                return None
            result = yield step
            self._check_wanted()
            return result

        return wrapped_flows.around(flow, do)

    def hand_over(self) -> None:
        """Leave the job to a trigger; if the task was ended in the meantime, there will be none.

        Raises:
            AirflowException: It was; the job is cancelled.
        """
        if self._job and self._orders.cancel_on_kill and self._kill.has_ended():
            self._kill.asked, self._kill.verdict = True, "cancel"
            self._answer_for(self._job)
        self._kill.handed_over = True

    def _put(self, step: Send, arm_id: str) -> Flow[HttpResponse]:
        """PUT the job, again and again while the service is out of reach, but only while it is wanted."""
        patience = Patience(self._tolerate_errors_seconds, refusal_seconds=0)
        while True:
            self._check_unsent()
            self._job, self._is_unanswered = arm_id, True
            try:
                response: HttpResponse = yield replace(step, retry="never")
                if response.status_code < HTTPStatus.BAD_REQUEST:
                    self.watch(arm_id)
                    return response
                raise flows.error_of(step.request, response)
            except ApiError as error:
                pause = patience.bear(error)
                self._log.warning("Submitting again in %.0f s: %s", pause, error)
            yield from self._pause(pause, self._check_unsent)

    def _start(self, step: Send, arm_id: str) -> Flow[HttpResponse]:
        """Start a job by one request; whoever sends it looks whether it was started before he sends it again."""
        self._job, self._is_unanswered = arm_id, True
        response: HttpResponse = yield step
        if response.status_code < HTTPStatus.BAD_REQUEST:
            self.watch(arm_id)
        return response

    def _check_unsent(self) -> None:
        """Stop what would submit a job that nobody wants."""
        if not self._kill.asked:
            return
        if self._job:  # an earlier PUT was not answered
            self._answer_for(self._job)
        raise AirflowException("Airflow asked this task to end before its job was submitted, so none was; try it again")

    def _answer_for(self, arm_id: str) -> None:
        """Cancel a job that came about after the kill that would have cancelled it."""
        if not self._kill.asked or self._kill.decided() == "leave":
            return
        if not self._is_cancelled:
            self._cancel(arm_id)
        self._check_wanted()

    def _check_wanted(self) -> None:
        """Stop what waits for a job that is cancelled."""
        if not self._kill.asked or self._kill.verdict != "cancel" or not self._job:
            return
        noun = goals.noun(self._job, self._goal)
        raise AirflowException(f"Airflow ended this task; its {noun} {arm_ids.parse(self._job).name} {self._end}")

    def _pause(self, seconds: float, check: Callable[[], None]) -> Flow[None]:
        """Sleep, in pieces: a signal interrupts none of them."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            yield Sleep(min(left, _GLANCE_SECONDS))
            check()

    def _cancel(self, arm_id: str) -> bool:
        """Cancel a job by one short request over a connection of its own: the task's may be in the midst of another."""
        called, plane = self._called(arm_id), DataPlane(arm_ids.parse(arm_id).workspace, self._hook.v1.place.api)
        own = AzmlHook(
            self._hook.azml_conn_id, self._hook.subscription_id, self._hook.resource_group, self._hook.workspace
        )
        own.settings = self._hook.settings
        try:
            cancelling = goals.cancel(plane, arm_id, self._goal, self._wanted)
            own.run(wrapped_flows.once(cancelling, timeout_seconds=_CANCEL_SECONDS))
        except NotFound:
            self._end = "was not submitted"
            self._log.info("%s is not there, so there is nothing to cancel", called)
            return False
        except AzmlError as error:
            self._end = _GOES_ON
            self._log.warning("%s could not be cancelled and may go on: %s", called, error)
            return False
        finally:
            own.close()
        self._is_cancelled, self._end = True, "was cancelled"
        self._log.info("%s is being cancelled", called)
        return True

    def _called(self, arm_id: str) -> str:
        """What the job is called, at the beginning of a line."""
        return f"{goals.noun(arm_id, self._goal).capitalize()} {arm_ids.parse(arm_id).name}"


def _starts(sent: HttpRequest, arm_id: str) -> bool:
    """Whether a request is one that starts a job, or a run of v1, without naming it by its URL."""
    return runs.starts(sent, arm_ids.parse(arm_id).name) or batch_invocations.sends(sent, arm_id)
