"""What all sensors share: poking and waiting in the triggerer by the operators' ``submit`` and ``advance``."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_azml.exceptions import RunFailed, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout, conf
from airflow_provider_azml.operators.arguments import seconds
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from airflow_provider_azml.rest.following import Follower
    from airflow_provider_azml.rest.waiting import Glance, Ticket


class AzmlSensor(AzmlOperator, BaseSensorOperator):
    """Base of sensors: the operators' ``submit`` and ``advance``, looked at by poking or in the triggerer.

    A failure that it sees is not tried again, because it would only be seen again; ``soft_fail`` and ``never_fail``
    hold in both modes.

    Args:
        poll_seconds: Pause between two looks at the service, in seconds.
        poke_interval: Airflow's own word for ``poll_seconds``; wins where both are given.
        timeout_seconds: How long to wait at most, in seconds; by default ``[sensors] default_timeout``.
        timeout: Airflow's own word for ``timeout_seconds``; wins where both are given.
    """

    def __init__(
        self,
        *,
        poll_seconds: float = 15,
        poke_interval: float | timedelta | None = None,
        timeout_seconds: float = conf.getfloat("sensors", "default_timeout", fallback=604800.0),
        timeout: float | timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=_given("poll_seconds", poll_seconds) if poke_interval is None else poke_interval,
            timeout=_given("timeout_seconds", timeout_seconds) if timeout is None else timeout,
            **kwargs,
        )
        self.poll_seconds = float(self.poke_interval)
        self.timeout_seconds = float(self.timeout)
        self._followers: dict[str, Follower] = {}

    def execute(self, context: Context) -> Any:  # Airflow's own signature
        """Poke, or wait in the triggerer."""
        with self._permanent_errors():
            self.check_arguments()
        if self.deferrable:
            return self.resume_execution("begin", {}, context)  # which is where Airflow obeys soft_fail and never_fail
        return BaseSensorOperator.execute(self, context)

    def begin(self, context: Context) -> Any:  # whatever the last step answers
        """Look once, and wait in the triggerer for what has not ended yet."""
        return AzmlOperator.execute(self, context)

    @contextmanager
    def _permanent_errors(self) -> Iterator[None]:
        try:
            with super()._permanent_errors():
                yield
        except AirflowFailException as error:
            self._tell_before_skip(error)
            raise
        except RunFailed as error:
            self._tell_before_skip(error)
            raise AirflowFailException(str(error)) from error
        except WaitTimeout as error:
            self._tell_before_skip(error)
            raise AirflowSensorTimeout(str(error)) from error

    def _tell_before_skip(self, error: Exception) -> None:
        """Tell why a sensor ends that is to be skipped then: Airflow shows no more than that it is."""
        if self.soft_fail or self.never_fail:
            self.log.warning("%s", error)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once, as far as what is there allows."""
        from airflow_provider_azml.rest.waiting import Ticket, ended

        with self._permanent_errors():
            self.check_arguments()
            step = self.submit(context)
            while isinstance(step, Ticket):
                outcome = ended(step)
                if outcome is None:
                    return PokeReturnValue(is_done=False)
                step = self.advance(context, outcome)
        return PokeReturnValue(is_done=True, xcom_value=step)

    def _seen(self, ticket: Ticket) -> Ticket:
        """A ticket with what is there now; errors in between are borne, a refusal is not."""
        return replace(ticket, body=self._looked(ticket).body)

    def _looked(self, ticket: Ticket) -> Glance:
        """What is there now, told to the log; errors in between are borne, a refusal is not."""
        from airflow_provider_azml.rest.patience import Patience
        from airflow_provider_azml.rest.waiting import observe

        patience = Patience(self.tolerate_errors_seconds, refusal_seconds=0)
        glance = self.hook.run(observe(ticket, patience))
        self.hook.run(self._follower(ticket.arm_id, glance).look(glance))
        return glance

    def _follower(self, arm_id: str, glance: Glance) -> Follower:
        """Who tells of looks: the same one for all that a process makes."""
        from airflow_provider_azml.rest.following import Follower

        follower = self._followers.get(arm_id)
        if follower is None:
            streams = self.stream_logs and not self.reschedule and (not self.deferrable or glance.outcome is not None)
            follower = Follower(arm_id, self.log.log, stream_logs=streams, body=glance.body)
            self._followers[arm_id] = follower
        return follower


def _given(name: str, value: float | timedelta | None) -> float | timedelta | None:
    """What Airflow's own argument is made of; it would refuse it by a name that the user has not given.

    Raises:
        SpecError: It is no number: neither is a template, which would be rendered too late.
    """
    if value is None or isinstance(value, timedelta):
        return value
    return seconds(name, value, zero=True)
