"""Sensors that the scheduler starts in the triggerer, so that a wait takes no worker: which, and how."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.definitions.xcom_arg import PlainXComArg

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.airflow_versions import conf
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from airflow.triggers.base import StartTriggerArgs

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.sensors.resources import AzmlResourceSensor

TRIGGER = "airflow_provider_azml.triggers.sensing.AzmlSensorTrigger"
GRACE_SECONDS = 60.0
"""How long after a sensor's own deadline Airflow ends its deferral, if the trigger has not."""
_PACKAGE = "airflow_provider_azml."
_POOL = "default_pool"
_XCOMS = "BaseXCom"
_OF_WORKERS = "config_path"
"""A field that names a file beside the DAG file, which a triggerer need not have."""


def starts_in_triggerer(sensor: AzmlResourceSensor) -> bool:
    """Whether the scheduler may start a sensor in the triggerer, where Airflow renders templates from 3.3 on."""
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "render_template_fields") and not _needs_worker(sensor)


def _needs_worker(sensor: AzmlResourceSensor) -> bool:
    """Whether something is asked of a task that Airflow only does where a worker begins it.

    Sources: ``DagRun.schedule_tis``, ``TaskInstance.defer_task`` and ``RuntimeTaskInstance.get_template_context`` of
    Airflow 3.3.2: neither pool nor limits of active instances are asked, a trigger gets no queue, and inlets and
    mapped arguments are looked up where nothing answers.
    """
    return any((
        sensor.pool != _POOL,
        sensor.max_active_tis_per_dag is not None,
        sensor.max_active_tis_per_dagrun is not None,
        sensor.on_execute_callback,
        sensor._pre_execute_hook,  # noqa: SLF001 (Airflow has no other name for it)
        sensor.inlets,
        sensor.config_path is not None,
        sensor.get_closest_mapped_task_group(),
        conf.getboolean("triggerer", "queues_enabled", fallback=False),
        not type(sensor).__module__.startswith(_PACKAGE),  # what a subclass does differently, the trigger does not know
        not _is_usable(sensor),
    ))


def _ends_in_worker(sensor: AzmlResourceSensor) -> bool:
    """Whether something is asked of a task that Airflow only does where a worker ends it.

    Sources: ``models.trigger.handle_event_submit`` and ``dag_processing.processor`` of Airflow 3.3.2: neither asset
    events are sent nor callbacks of success called, and a backend of one's own for XComs may block.
    """
    return any((
        sensor.outlets,
        sensor.on_success_callback,
        sensor._post_execute_hook,  # noqa: SLF001 (Airflow has no other name for it)
        not conf.get("core", "xcom_backend", fallback=_XCOMS).endswith(_XCOMS),
    ))


def _is_usable(sensor: AzmlResourceSensor) -> bool:
    """Whether arguments are as they have to be; if not, a worker says so."""
    try:
        sensor.check_arguments()
        _arguments(sensor)
    except (SpecError, TypeError):
        return False
    return True


def start_trigger_args(sensor: AzmlResourceSensor) -> StartTriggerArgs:
    """What the scheduler starts the trigger of a sensor with."""
    from airflow.triggers.base import StartTriggerArgs

    return StartTriggerArgs(
        trigger_cls=TRIGGER,
        trigger_kwargs=_arguments(sensor),
        next_method="resume",
        timeout=timedelta(seconds=sensor.timeout + GRACE_SECONDS),
    )


def _arguments(sensor: AzmlResourceSensor) -> Json:
    """The trigger's arguments, with their templates.

    Raises:
        TypeError: One is nothing that a template could be made of.
    """
    stops = sensor.execution_timeout
    push = ("keys" if sensor.multiple_outputs else "result") if sensor.do_xcom_push else "nothing"
    return {
        "kind": sensor.kind,
        "names": {name: _text(getattr(sensor, name)) for name in sensor.named_by},
        "goal": sensor.goal,
        "wanted": {name: _text(getattr(sensor, name)) for name in sensor.wanted},
        **{name: _text(getattr(sensor, name)) for name in AzmlOperator.template_fields if name != _OF_WORKERS},
        "poll_seconds": sensor.poll_seconds,
        "timeout_seconds": sensor.timeout,
        "execution_timeout_seconds": stops.total_seconds() if stops else None,
        "grace_seconds": GRACE_SECONDS,
        "tolerate_errors_seconds": sensor.tolerate_errors_seconds,
        "stream_logs": sensor.stream_logs,
        "push": None if _ends_in_worker(sensor) else push,
    }


def _text(value: object) -> object:
    """A value as it travels in a DAG; the result of a task as the template that pulls it."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, PlainXComArg):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _text(inner) for name, inner in value.items()}
    raise TypeError(f"{type(value).__name__} is no text")
