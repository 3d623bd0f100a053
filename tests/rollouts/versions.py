"""Versions of a model that are served: a good one, and new ones that each go wrong in a way of their own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_azml.hooks.azml import AzmlHook

SCORE = """\
import json, os, signal, sys, threading, time

def init():
    if os.environ.get("FAILS") == "yes":
        sys.exit("the model cannot be loaded")
    if "DIES_WITH" in os.environ:
        threading.Thread(target=die_with, args=(os.environ["DIES_WITH"],), daemon=True).start()

def die_with(file):
    while not os.path.exists(file):
        time.sleep(0.02)
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

def run(raw):
    time.sleep(float(os.environ.get("SECONDS_PER_ANSWER", "0")))
    numbers = json.loads(raw)["data"]
    factor = float(os.environ["FACTOR"])
    return {"version": os.environ["VERSION"], "answer": [factor * number for number in numbers]}
"""
PAYLOAD = {"data": [1, 2, 3]}
ANSWER = [2.0, 4.0, 6.0]
CONCURRENCY = 100
"""How many requests a deployment works on at once: more than a load has under way when the machine is slow."""


def checks(seconds: float) -> tuple[Mapping[str, Any], ...]:
    """What a version has to answer, within so many seconds."""
    return (
        {
            "name": "doubles",
            "request": PAYLOAD,
            "expect": {"answer": ANSWER},
            "requests": 3,
            "p95_seconds": seconds,
        },
    )


CHECKS = checks(15.0)
"""They take long only where the machine has much else to do."""


def folder_of_versions(folder: Path) -> Path:
    """A folder with what deployments are made of."""
    (folder / "serving").mkdir()
    (folder / "serving" / "score.py").write_text(SCORE)
    (folder / "conda.yml").write_text("dependencies: [python=3.11, pip]\n")
    return folder


def deployment(**variables: str) -> dict[str, Any]:
    """A deployment, as AML's YAML has it, without name and endpoint.

    Args:
        variables: Environment variables: ``VERSION``, and what is not well with it.
    """
    return {
        "code_configuration": {"code": "serving", "scoring_script": "score.py"},
        "environment": {"image": "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu", "conda_file": "conda.yml"},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "environment_variables": {"FACTOR": "2", "WORKER_COUNT": "1", **variables},
        "request_settings": {"max_concurrent_requests_per_instance": CONCURRENCY, "request_timeout_ms": 20000},
        "liveness_probe": {"period": 1, "initial_delay": 1, "timeout": 2, "failure_threshold": 150},
    }


def endpoint_with_an_old_version(hook: AzmlHook, folder: Path) -> str:
    """Make an endpoint all of whose traffic goes to deployment ``old``, and answer its name."""
    name = f"live-{uuid.uuid4().hex[:8]}"
    hook.apply({"name": name, "auth_mode": "key"}, kind="online_endpoint")
    spec = {"name": "old", "endpoint_name": name, **deployment(VERSION="old")}
    hook.apply(spec, kind="online_deployment", base_path=folder)
    hook.apply({"name": name, "auth_mode": "key", "traffic": {"old": 100}}, kind="online_endpoint")
    return name


def traffic_of(hook: AzmlHook, endpoint: str) -> dict[str, int]:
    """Who gets how much, without those that get none."""
    shown = hook.get("online_endpoint", endpoint)["properties"]["traffic"]
    return {name: share for name, share in shown.items() if share}


def deployments_of(hook: AzmlHook, endpoint: str) -> dict[str, str]:
    """The provisioning states of an endpoint's deployments, by name."""
    found = hook.list("online_deployment", parent=endpoint)
    return {each["name"]: each["properties"]["provisioningState"] for each in found}
