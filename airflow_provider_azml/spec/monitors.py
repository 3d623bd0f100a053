"""Monitors of models in production, which schedules run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import (
    environments,
    job_io,
    monitor_signals,
    monitored_data,
    references,
    schedule_triggers,
)
from airflow_provider_azml.spec.monitored_data import Watched
from airflow_provider_azml.spec.needs import WorkspaceResource
from airflow_provider_azml.spec.rules import Rule, lower, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.needs import Named
    from airflow_provider_azml.spec.source import Source

KEY = "create_monitor"
_TARGET, _SIGNALS, _DEPLOYMENT = "monitoring_target", "monitoring_signals", "endpoint_deployment_id"
_COMPUTE_RULES = (Rule("runtime_version", "runtimeVersion"), Rule("instance_type", "instanceType"))
_OF_DEPLOYMENTS = {
    "data_drift": ("production_data", "reference_data"),
    "data_quality": ("production_data", "reference_data"),
    "prediction_drift": ("production_data", "reference_data"),
    "feature_attribution_drift": ("production_data",),
    "generation_token_statistics": ("production_data",),
}
"""Type of signal -> the data that a deployment collects for it where the file names none."""
_DATA = ("production_data", "reference_data")


def definition(source: Source) -> Json:
    """What is sent for the monitor of a schedule."""
    monitor = source.at(KEY)
    target = monitor.at(_TARGET)
    watched = Watched(schedule_triggers.days_between(source.value["trigger"]), _deployment(target))
    compute = {"computeType": "ServerlessSpark", "computeIdentity": {"computeIdentityType": "AmlToken"}}
    return {
        "computeConfiguration": {**compute, **translated(monitor.value["compute"], _COMPUTE_RULES)},
        **({"monitoringTarget": _target(target, watched)} if target.value else {}),
        "signals": {name: monitor_signals.signal(given, watched) for name, given in _signals(monitor).items()},
        **_alerts(monitor.value.get("alert_notification")),
    }


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a monitor besides what the schema of its schedule says."""
    monitor = source.at(KEY)
    target = monitor.at(_TARGET)
    deployment, model = target.value.get(_DEPLOYMENT), target.value.get("model_id")
    if isinstance(deployment, str) and _deployment(target) is None:
        yield target.problem(
            (_DEPLOYMENT,), f"{deployment!r:.80} must be azureml:<endpoint>:<deployment>, or an ARM id"
        )
    if isinstance(model, str):
        yield from environments.reference_problems(target, ("model_id",), model, "model")
    signals = monitor.at(_SIGNALS).value
    if not signals and not deployment:
        reason = f"needs {_SIGNALS}, or the {_DEPLOYMENT} of a deployment that collects data"
        yield source.problem((KEY,), reason, at_key=True)
    for name in signals:
        yield from _signal_problems(monitor.at(_SIGNALS, name), collects=bool(deployment))


def _signal_problems(signal: Source, *, collects: bool) -> Iterator[Problem]:
    kind = lower(signal.value.get("type"))
    for key in _OF_DEPLOYMENTS.get(kind, ()):
        if not signal.value.get(key) and not collects:
            reason = f"{key!r} is missing: there is no {_DEPLOYMENT} whose data could be taken"
            yield signal.problem((), reason, at_key=True)
    for key in _DATA:
        given = signal.value.get(key)
        several = (
            [signal.at(key, place) for place in range(len(given))] if isinstance(given, list) else [signal.at(key)]
        )
        for data in several:
            yield from monitored_data.problems(data, moving=key == "production_data")
    for name in signal.at("input_data").value:
        yield from monitored_data.problems(signal.at("input_data", name), moving=False)
    yield from job_io.problems(signal)


def _signals(monitor: Source) -> Mapping[str, Source]:
    given = monitor.at(_SIGNALS).value
    if given:
        return {name: monitor.at(_SIGNALS, name) for name in given}
    answers = lower(monitor.at(_TARGET).value.get("ml_task")) == "questionanswering"
    defaults = monitor_signals.DEFAULTS_OF_ANSWERS if answers else monitor_signals.DEFAULTS
    return {name: replace(monitor, value=signal) for name, signal in defaults.items()}


def _target(target: Source, watched: Watched) -> Json:
    model = target.value.get("model_id")
    return {
        "taskType": lower(target.value.get("ml_task") or "classification"),
        **({"deploymentId": watched.deployment} if watched.deployment else {}),
        **({"modelId": references.asset(model, "model")} if model else {}),
    }


def _deployment(target: Source) -> str | Named | None:
    """The deployment that a monitor names, by its ARM id or by endpoint and deployment."""
    text = str(target.value.get(_DEPLOYMENT) or "").removeprefix(references.PREFIX)
    if text.startswith("/subscriptions/"):
        return text
    endpoint, _, deployment = text.partition(":")
    if not (endpoint and deployment) or ":" in deployment:
        return None
    return WorkspaceResource("online_deployment", (endpoint, deployment))


def _alerts(value: Mapping[str, list[str]] | str | None) -> Json:
    if value is None:
        return {}
    if isinstance(value, str):
        return {"alertNotificationSetting": {"alertNotificationType": "AzureMonitor"}}
    setting = {"emailOn": ["JobFailed", "JobCompleted"], **translated(value, (Rule("emails", "emails"),))}
    return {"alertNotificationSetting": {"alertNotificationType": "Email", "emailNotificationSetting": setting}}
