"""The hyperdrive service: searches for hyperparameters. Each is a sweep job of its name."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.arm.jobs import start_job
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint, json_part
from airflow_provider_azml.emulator.history.named_runs import named_run
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.v1.execution import job_properties
from airflow_provider_azml.emulator.v1.sections import Section
from airflow_provider_azml.emulator.v1.snapshots import Snapshots

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/hyperdrive/v1.0"
_RUNS = "experiments/(?P<experiment>[^/]+)/runs"
_PLATFORM = "AML"
_NAME = re.compile(r"[\w.-]+")
_LONGEST_MINUTES = 10080
_ALGORITHMS = {"random": "Random", "grid": "Grid", "bayesianoptimization": "Bayesian"}
_POLICIES = {
    "bandit": "Bandit",
    "medianstopping": "MedianStopping",
    "truncationselection": "TruncationSelection",
    "default": None,
}
_OF_POLICIES = {
    "evaluation_interval": "evaluationInterval",
    "delay_evaluation": "delayEvaluation",
    "slack_factor": "slackFactor",
    "slack_amount": "slackAmount",
    "truncation_percentage": "truncationPercentage",
}
_OF_TRIAL = ("command", "codeId", "environmentId", "environmentVariables", "distribution", "resources")
_TAGS = ("generator_config", "policy_config", "primary_metric_config", "platform_config")
_COUNTS = ("max_total_jobs", "max_concurrent_jobs", "max_duration_minutes")


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the hyperdrive service."""
    answer = endpoint(emulator, PREFIX, HyperDrive(emulator).operations(), _refusal)
    return [Route(f"{PREFIX}{{path:path}}", answer, methods=["POST"])]


class HyperDrive:
    """Answers for the hyperdrive service.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked.

        Sources: the 2019-09-30 hyperdrive file; searches below another run (``runs/{run}``) or with an id of the
        caller's (``hdruns/{run}``): the client of azureml-train-restclients-hyperdrive 1.62.
        """
        return [
            Operation("POST", _RUNS, self._create, body="form"),
            Operation("POST", f"{_RUNS}/(?P<parent>[^/]+)", self._create, body="form"),
            Operation("POST", "experiments/(?P<experiment>[^/]+)/hdruns/(?P<run>[^/]+)", self._create, body="form"),
            Operation("POST", f"{_RUNS}/(?P<run>[^/]+)/cancel", self._cancel),
        ]

    async def _create(self, call: Call) -> Response:
        config = Section(await json_part(call, "config"))
        if config.text("platform", _PLATFORM) != _PLATFORM:
            raise config.wrong("platform", "must be AML: the emulator searches no pipelines")
        run_id = unquote(call.names.get("run") or "") or f"HD_{uuid.uuid4()}"
        experiment = unquote(call.names["experiment"])
        properties = {**self._properties(call, config), "experimentName": experiment, "displayName": run_id}
        if parent := call.names.get("parent"):
            properties["parentJobName"] = unquote(parent)
        try:
            start_job(self._emulator, str(call.workspace), run_id, properties)
        except ArmError as error:
            raise DataPlaneError(error.status, "UserError", error.message) from error
        path = f"{call.workspace}/experiments/{quote(experiment)}/runs/{run_id}/cancel"
        known = {
            "cancelUri": f"{self._emulator.https_url}{PREFIX}{path}",
            "target": _configuration(config).text("target"),
        }
        Runs(self._emulator.store, call.workspace).change(run_id, known)
        return JSONResponse({"code": 201, "result": _shown(config, run_id, experiment)}, 201)

    def _properties(self, call: Call, config: Section) -> Json:
        """The sweep job that a search is."""
        space = config.section("generator_config").section("parameter_space").values
        if bad := [name for name in space if not _NAME.fullmatch(name)]:
            raise DataPlaneError(
                400, "UserError", f"'{bad[0]}' cannot name a parameter: use letters, digits, -, _ and ."
            )
        definition = config.section("platform_config").section("definition")
        snapshot = definition.text("snapshotId")
        if not snapshot:
            raise definition.wrong("snapshotId", "is missing")
        Snapshots(self._emulator, call.workspace).place_of(snapshot)
        of_run = Section({"configuration": _configuration(config).values}, definition.path)
        job = job_properties(self._emulator, call.workspace, of_run, snapshot)
        searched = [f"{_option(name)} ${{{{search_space.{name}}}}}" for name in space]
        limit = (job.pop("limits", None) or {}).get("timeout")
        return {
            **{name: job[name] for name in ("computeId", "inputs", "outputs", "resources") if name in job},
            "jobType": "Sweep",
            "trial": {
                **{name: job[name] for name in _OF_TRIAL if name in job},
                "command": " ".join([job["command"], *searched]),
            },
            "searchSpace": space,
            "samplingAlgorithm": {"samplingAlgorithmType": _algorithm(config)},
            "objective": _objective(config),
            "earlyTermination": _policy(config),
            "limits": {**_limits(config), **({"trialTimeout": limit} if limit else {})},
            "tags": _tags(config),
            "properties": {"ContentSnapshotId": snapshot},
        }

    def _cancel(self, call: Call) -> Json:
        run = named_run(self._emulator.store, call)
        self._emulator.jobs.cancel(call.workspace.child("job", run["runId"]))
        return {"code": 200, "result": f"Cancellation of run {run['runId']} was requested."}


def _configuration(config: Section) -> Section:
    """The run configuration. Source: ``HyperDriveConfig._get_platform_config`` of azureml-train-core 1.62."""
    definition = config.section("platform_config").section("definition")
    overrides = definition.section("overrides")
    return overrides if overrides.values else definition.section("configuration")


def _option(name: str) -> str:
    # in a parameter space, the hyphens before an argument may be left out
    return name if name.startswith("-") else f"--{name}"


def _algorithm(config: Section) -> str:
    generator = config.section("generator_config")
    kind = _ALGORITHMS.get(generator.text("name").lower())
    if kind is None:
        raise generator.wrong("name", "is none of RANDOM, GRID, BAYESIANOPTIMIZATION")
    return kind


def _objective(config: Section) -> Json:
    metric = config.section("primary_metric_config")
    return {"goal": metric.text("goal").capitalize(), "primaryMetric": metric.text("name")}


def _policy(config: Section) -> Json | None:
    policy = config.section("policy_config")
    name = policy.text("name", "Default").lower()
    if name not in _POLICIES:
        raise policy.wrong("name", "is none of Bandit, MedianStopping, TruncationSelection, Default")
    kind, given = _POLICIES[name], policy.section("properties")
    if kind is None:
        return None
    settings = {ours: given.value(theirs) for theirs, ours in _OF_POLICIES.items()}
    return {"policyType": kind, **{name: value for name, value in settings.items() if value is not None}}


def _limits(config: Section) -> Json:
    minutes = config.number("max_duration_minutes") or _LONGEST_MINUTES
    limits = {"maxTotalTrials": "max_total_jobs", "maxConcurrentTrials": "max_concurrent_jobs"}
    counts = {ours: config.number(theirs) for ours, theirs in limits.items()}
    given = {name: count for name, count in counts.items() if count is not None}
    return {"jobLimitsType": "Sweep", "timeout": f"PT{min(minutes, _LONGEST_MINUTES)}M", **given}


def _tags(config: Section) -> dict[str, str]:
    """What the service notes of a search. Source: ``HyperDriveConfig._get_runconfig_from_run_dto``, which reads it."""
    noted = {name: json.dumps(config.section(name).values) for name in _TAGS}
    return {**noted, **{name: str(config.number(name)) for name in _COUNTS if config.number(name) is not None}}


def _shown(config: Section, run_id: str, experiment: str) -> Json:
    """The search. Source: ``createHyperDriveExperiment.json``, the example beside the hyperdrive file."""
    now = timestamp()
    platform = {**config.section("platform_config").values, "ParentRunId": run_id}
    return {
        **{name: config.section(name).values for name in _TAGS},
        **{name: config.number(name) for name in _COUNTS},
        "platform_config": platform,
        "platform": _PLATFORM,
        "name": experiment,
        "description": config.value("description"),
        "experiment_id": run_id,
        "hyperdrive_run_id": run_id,
        "status": "Running",
        "created": now,
        "modified": now,
        "all_jobs_generated": False,
        "cancellation_requested": False,
        "created_by_user_id": 0,
        "study_id": 0,
        "study_uri": None,
        "experiment_uri": None,
    }


def _refusal(error: DataPlaneError) -> Response:
    """An error. Source: ``HyperDriveErrorResponse`` of the 2019-09-30 hyperdrive file."""
    return JSONResponse({"code": error.status, "message": error.message}, error.status)
