"""The bodies that azure-ai-ml sends for the files of the oracle, against ours."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from azure.core.credentials import AccessTokenInfo

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import from_mapping, read
from airflow_provider_azml.spec.target import Target

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_azml.spec.source import Source

ORACLE = Path(__file__).parents[3] / "shared" / "oracle"
# the copy of these folders lacks the compiled files that azure-ai-ml uploaded with them
INCOMPLETE = {
    "job/code_dir.yml",
    "job/code_amlignore.yml",
    "sweep/early_truncation.yml",
    "sweep/sampling_random_obj.yml",
    "sweep/space_ok.yml",
}
# azure-ai-ml sends the resources of AutoML jobs under the keys of the file, which the service does not know
_AUTOML = "cli/jobs/automl-standalone-jobs/cli-automl-forecasting-task-github-dau"
INCOMPLETE.add(f"{_AUTOML}/cli-automl-forecasting-task-github-dau.yml")
# azure-ai-ml deploys whatever azureml_anonymous:1 is, which its fake service claims to have; here the file is deployed
_PIPELINES = "cli/endpoints/batch/deploy-pipelines"
INCOMPLETE |= {
    f"{_PIPELINES}/batch-scoring-with-preprocessing/deployment.yml",
    f"{_PIPELINES}/training-with-components/deployment-ordinal/deployment.yml",
}

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not ORACLE.exists(), reason="needs ../shared/oracle")]


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ORACLE / f"{name}.py")
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def cases() -> list[dict[str, Any]]:
    if not ORACLE.exists():
        return []
    lines = [line for name in ("corpus", "edge") for line in (ORACLE / f"cases/{name}.jsonl").read_text().splitlines()]
    return [case for case in map(json.loads, lines) if case["path"] not in INCOMPLETE]


class _Credential:
    def get_token_info(self, *_: str, options: object = None) -> AccessTokenInfo:
        return AccessTokenInfo("token", 4102444800)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy outside of any git work tree, in folders of the same names."""
    return Path(shutil.copytree(ORACLE, tmp_path_factory.mktemp("oracle") / "oracle"))


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch) -> Any:
    fake_arm = module("fake_arm")
    monkeypatch.setattr(
        requests.adapters.HTTPAdapter, "send", requests.adapters.HTTPAdapter.send
    )  # put back afterwards
    return fake_arm.FakeArm().install()


def source_of(case: dict[str, Any], folder: Path) -> Source:
    file = folder / case["corpus"] / case["path"]
    if case.get("substitutions"):
        text = file.read_text(encoding="utf-8")
        for old, new in case["substitutions"].items():
            text = text.replace(old, new)
        source = from_mapping(yaml.safe_load(text), base_path=file.parent)
    else:
        source = read(file)
    return source.merged({key: value for given in case.get("params_override", ()) for key, value in given.items()})


def pruned(value: Any) -> Any:
    """Without what is empty, and without a hash over an id that azure-ai-ml makes up."""
    if isinstance(value, dict):
        given = {key: pruned(member) for key, member in value.items() if key != "client_component_hash"}
        return {key: member for key, member in given.items() if member not in ({}, [])}
    return [pruned(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case['kind']}-{case['path']}")
def test_the_body_is_azure_ai_ml_s(
    case: dict[str, Any], arm: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = files / "oracle_cwd"
    working.mkdir(exist_ok=True)
    monkeypatch.chdir(working)
    fake_arm = sys.modules["fake_arm"]
    target = Target(WorkspaceId(fake_arm.SUB, fake_arm.RG, fake_arm.WS), CLOUDS["public"])
    with Client(CLOUDS["public"], TokenCache(_Credential())) as client:
        if not case["ok"]:
            with pytest.raises(SpecError):
                client.run(kinds.apply(source_of(case, files), case["kind"], target))
            assert [entry for entry in arm.log if entry["method"] == "PUT"] == []
            return
        ticket = client.run(kinds.apply(source_of(case, files), case["kind"], target))
    sent = next(entry for entry in arm.log if entry["method"] == "PUT" and entry["path"] == ticket.arm_id)
    if "oracle_generated_name" not in case["rest_path"]:
        assert sent["path"].lower() == case["rest_path"].lower()
    body = module("normal_form").normalise(sent["body"], arm.log, drop_empty=True)
    if case["normal"]["properties"].get("displayName") == "$generated":
        body["properties"]["displayName"] = "$generated"
    assert pruned(body) == pruned(case["normal"])


def test_there_are_cases_of_every_kind_but_workspaces() -> None:
    assert {case["kind"] for case in cases()} == kinds.KINDS.keys() - {"workspace"}
