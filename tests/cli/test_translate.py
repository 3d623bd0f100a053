"""``azml translate``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.cli.schema_keys import forms
from airflow_provider_azml.cli.template import template
from airflow_provider_azml.spec.table import KINDS
from tests.cli.conftest import JOB, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

pytestmark = pytest.mark.usefixtures("folder")

WORKSPACE = "/providers/Microsoft.MachineLearningServices/workspaces/<workspace>"


def steps(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done
    listed: list[dict[str, Any]] = json.loads(done.out)["steps"]
    return listed


def shown(step: dict[str, Any]) -> str:
    if step["step"] == "upload":
        return "upload " + " ".join(file["blob"] for file in step["files"])
    return f"{step['method']} {step['url'].partition(WORKSPACE)[2]}"


def test_requests_and_uploads_stand_in_order(azml: Callable[..., Done]) -> None:
    found = steps(azml("translate", "--json", "train.yml"))
    assert [shown(step) for step in found] == [
        "GET /environments/sklearn/versions",
        "GET /codes/<name of code 1>/versions",
        "POST /codes/<name of code 1>/versions/1/startPendingUpload",
        "upload src/train.py",
        "PUT /codes/<name of code 1>/versions/1",
        "PUT /jobs/train",
    ]
    assert all(step["query"]["api-version"] for step in found if step["step"] == "request")
    job = found[-1]["body"]["properties"]
    assert job["environmentId"].endswith("/environments/sklearn/versions/<latest version of environment sklearn>")
    assert job["codeId"].endswith("/codes/<name of code 1>/versions/1")
    assert found[3]["files"][0]["bytes"] == 8


def test_people_read_the_same(azml: Callable[..., Done]) -> None:
    done = azml("translate", "train.yml")
    listed = steps(azml("translate", "--json", "train.yml"))
    sent = [f"{step['method']} {step['url']}?" for step in listed if step["step"] == "request"]
    assert done.lines[0] == "# train.yml (job): requests: 5, uploads: 1; nothing was sent"
    assert [line.partition("?")[0] + "?" for line in done.lines if line.startswith(("GET", "POST", "PUT"))] == sent
    assert "#   src/train.py (8 bytes)" in done.lines


def test_the_same_file_gives_the_same_text(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "train.yml").write_text(JOB.replace("name: train\n", ""))
    first = azml("translate", "train.yml")
    assert first == azml("translate", "train.yml")
    assert "/jobs/<made-up name>?" in first.out


def test_the_workspace_can_be_given(azml: Callable[..., Done]) -> None:
    given = ("--subscription-id", "s", "--resource-group", "rg", "--workspace", "ws")
    last = steps(azml("translate", "--json", *given, "train.yml"))[-1]
    assert last["url"] == "/subscriptions/s/resourceGroups/rg" + WORKSPACE.replace("<workspace>", "ws") + "/jobs/train"


def test_local_data_goes_to_a_datastore(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "data.yml").write_text("type: uri_folder\nname: sales\npath: ./src\n")
    found = steps(azml("translate", "--json", "data.yml"))
    assert [step["method"] if step["step"] == "request" else "upload" for step in found] == [
        "GET",
        "POST",
        "HEAD",
        "upload",
        "GET",
        "PUT",
    ]
    assert re.fullmatch(r"LocalUpload/[0-9a-f]{64}/src/train.py", found[3]["files"][0]["blob"])
    assert found[-1]["url"].endswith("/data/sales/versions/<next version of data sales>")


def test_a_workspace_is_a_template_deployment(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "workspace.yml").write_text(f"$schema: {SCHEMAS}/workspace.schema.json\nname: mine\n")
    first = azml("translate", "--json", "workspace.yml")
    assert [step["method"] for step in steps(first)] == ["GET", "GET", "PUT"]
    assert steps(first)[-1]["url"].endswith("/deployments/mine-<suffix>")
    assert first == azml("translate", "--json", "workspace.yml")


def test_templates_are_filled_in_or_shown_as_they_are(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "train.yml").write_text(JOB + "description: on {{ ds }}\n")
    for variables, text in (((), "on {{ ds }}"), (("--var", "ds=2024-01-01"), "on 2024-01-01")):
        last = steps(azml("translate", "--json", *variables, "train.yml"))[-1]
        assert last["body"]["properties"]["description"] == text


def test_a_bad_file_sends_nothing(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "train.yml").write_text(JOB.replace("command: python", "comand: python"))
    done = azml("translate", "train.yml")
    assert (done.code, done.out) == (1, "")
    assert "train.yml:4:1: comand: unknown key; did you mean 'command'?\n" in done.err


def test_secrets_are_not_shown(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "blob.yml").write_text(
        "type: azure_blob\nname: sales\naccount_name: acc\ncontainer_name: c\ncredentials:\n  account_key: s3cret\n"
    )
    done = azml("translate", "blob.yml")
    assert done.code == 0
    assert "s3cret" not in done.out
    assert '"key": "<secret>"' in done.out
    assert '"accountName": "acc"' in done.out


def test_the_key_of_a_teacher_is_not_shown(folder: Path, azml: Callable[..., Done]) -> None:
    form = next(form for form in forms("job") if form.type == "distillation")
    teacher = "teacher_model_endpoint_connection: {type: serverless, name: t, endpoint: https://t, api_key: s3cret}\n"
    text = re.sub(r"^teacher_model_endpoint_connection:\n( .*\n)*", teacher, template(form), flags=re.MULTILINE)
    assert "s3cret" in text
    (folder / "distil.yml").write_text(text)
    done = azml("translate", "distil.yml")
    assert (done.code, done.err) == (0, "")
    assert "s3cret" not in done.out


@pytest.mark.parametrize(("kind", "type_"), [(form.kind, form.type) for kind in KINDS for form in forms(kind)])
def test_every_kind_can_be_translated(kind: str, type_: str, folder: Path, azml: Callable[..., Done]) -> None:
    form = next(form for form in forms(kind) if form.type == type_)
    (folder / "file.yml").write_text(template(form))
    found = steps(azml("translate", "--json", "file.yml"))
    assert found[-1]["method"] in {"PUT", "PATCH", "POST"}
    assert found[-1]["body"]
