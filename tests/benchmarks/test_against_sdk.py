"""How fast files become requests, beside azure-ai-ml, on the same fake service in the same process."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.exceptions import AzmlError
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.target import Target
from tests.spec.test_oracle import ORACLE, _Credential, cases, module, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.shared,
    pytest.mark.sdk,
    pytest.mark.skipif(not ORACLE.exists(), reason="needs ../shared/oracle"),
    pytest.mark.filterwarnings("ignore"),
]

EVERY = 12
"""One file of so many: all of them take azure-ai-ml half a minute."""
AT_LEAST = 5
LOADERS = {
    "online_endpoint": ("online_endpoints", "begin_create_or_update"),
    "online_deployment": ("online_deployments", "begin_create_or_update"),
    "batch_endpoint": ("batch_endpoints", "begin_create_or_update"),
    "batch_deployment": ("batch_deployments", "begin_create_or_update"),
    "compute": ("compute", "begin_create_or_update"),
    "schedule": ("schedules", "begin_create_or_update"),
    "job": ("jobs", "create_or_update"),
    "component": ("components", "create_or_update"),
    "environment": ("environments", "create_or_update"),
    "data": ("data", "create_or_update"),
    "model": ("models", "create_or_update"),
    "datastore": ("datastores", "create_or_update"),
}
"""Kind -> operations and method of azure-ai-ml's client."""


def chosen() -> list[dict[str, Any]]:
    """Files of every kind, and of every kind as large a part."""
    fitting = [case for case in cases() if case["kind"] in LOADERS and not case.get("substitutions")]
    return sorted(fitting, key=lambda case: case["kind"])[::EVERY]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy outside of any git work tree."""
    return Path(shutil.copytree(ORACLE, tmp_path_factory.mktemp("oracle") / "oracle"))


def by_us(case: dict[str, Any], folder: Path, fake_arm: Any) -> None:
    target = Target(WorkspaceId(fake_arm.SUB, fake_arm.RG, fake_arm.WS), CLOUDS["public"])
    with Client(CLOUDS["public"], TokenCache(_Credential())) as client, contextlib.suppress(AzmlError):
        client.run(kinds.apply(source_of(case, folder), case["kind"], target))


def by_azure_ai_ml(case: dict[str, Any], folder: Path, fake_arm: Any) -> None:
    from azure.ai.ml import MLClient, load_job
    from azure.ai.ml.entities import _load_functions as loaders

    load = load_job if case["kind"] == "job" else getattr(loaders, f"load_{case['kind']}")
    operations, act = LOADERS[case["kind"]]
    client = MLClient(fake_arm.FakeCredential(), fake_arm.SUB, fake_arm.RG, fake_arm.WS)
    with contextlib.suppress(Exception):  # files that it refuses are among them
        entity = load(str(folder / case["corpus"] / case["path"]), params_override=case.get("params_override") or [])
        getattr(getattr(client, operations), act)(entity)


def test_files_become_requests_five_times_as_fast_as_with_azure_ai_ml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Path
) -> None:
    fake_arm = module("fake_arm")
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", requests.adapters.HTTPAdapter.send)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    logging.disable(logging.CRITICAL)
    monkeypatch.chdir(tmp_path)

    def seconds(act: Callable[[dict[str, Any], Path, Any], None], asked: list[dict[str, Any]]) -> float:
        arm = fake_arm.FakeArm().install()
        started = time.process_time()
        for case in asked:
            act(case, files, fake_arm)
        assert sum(entry["method"] == "PUT" for entry in arm.log) >= len(asked) / 2
        return time.process_time() - started

    try:
        picked = chosen()
        seconds(by_azure_ai_ml, picked[::4])  # imports and caches; ours are warm after the first of these rounds
        ours = min(seconds(by_us, picked) for _ in range(3))
        theirs = seconds(by_azure_ai_ml, picked)
    finally:
        logging.disable(logging.NOTSET)
    assert theirs >= AT_LEAST * ours, f"{len(picked)} files: {ours:.2f} s, azure-ai-ml {theirs:.2f} s"
