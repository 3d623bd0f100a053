"""All that the emulators of this test run have answered, against what the service's definitions require.

The tests here come last, so that they see the answers to all others; alone they see those to their own requests.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.arm.definitions import Operation, operations, response_problems, shape
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.spec.v1 import preview_2021
from tests.contract.every_operation import ask_for_every_operation
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTED = 212
ELSEWHERE = {"OnlineDeployments_Update"}
"""Operations that need what takes long to make, here a deployment that serves: they are asked for by other tests."""
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "emulator.md"
PROVIDER = "/providers/microsoft.machinelearningservices/"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Operation, dict[str, Any]]]:
    """All recorded successes of operations that the service's OpenAPI files have."""
    home = tmp_path_factory.mktemp("every-operation")
    with running_emulator(home, "--simulate", "0", "--create-workspace") as emulator:
        ask_for_every_operation(Workspace(emulator))
    return list(_recorded())


def test_successes_have_all_that_their_definitions_require(answers: list[tuple[Operation, dict[str, Any]]]) -> None:
    lacking = {
        f"{operation.name} ({line['status']}): {problem.path}: {problem.reason}"
        for operation, line in answers
        for problem in response_problems(operation, line["status"], line["response"])
    }
    assert not lacking, "\n".join(sorted(lacking))


def test_what_is_served_is_documented(answers: list[tuple[Operation, dict[str, Any]]]) -> None:
    listed = {operation.name for methods in operations().values() for operation in methods.values()}
    assert len(listed) == LISTED
    text = " ".join(PAGE.read_text(encoding="utf-8").partition("## Coverage")[2].partition("\n## ")[0].split())
    missing = {name for words in re.findall(r"`([\w*]+_[\w*]+)`", text) for name in fnmatch.filter(listed, words)}
    served = {operation.name for operation, _ in answers} | ELSEWHERE
    assert sorted(listed - served) == sorted(missing)
    assert f"{LISTED - len(missing)} of the {LISTED} operations" in text


def _recorded() -> Iterator[tuple[Operation, dict[str, Any]]]:
    known = operations()
    for file in sorted(Path(os.environ["AZML_EMULATOR_RECORD"]).glob("*.jsonl")):
        for text in file.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if line["api_version"] == preview_2021.API_VERSION:
                continue  # in words of its own
            operation = known.get(shape(line["path"]), {}).get(line["method"])
            if operation and line["status"] in range(200, 300) and PROVIDER in f"{line['path'].lower()}/":
                yield operation, line
