"""``azml validate``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import JOB, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

pytestmark = pytest.mark.usefixtures("folder")

COMPONENT = f"""\
$schema: {SCHEMAS}/commandComponent.schema.json
name: prepare
type: command
comand: echo
environment: azureml:sklearn@latest
"""
PIPELINE = f"""\
$schema: {SCHEMAS}/pipelineJob.schema.json
type: pipeline
settings:
  default_compute: azureml:cpu-cluster
jobs:
  prepare:
    type: command
    component: ./prepare.yml
"""


def test_a_good_file_is_passed_over(azml: Callable[..., Done]) -> None:
    assert azml("validate", "train.yml") == (0, "", "1 file, 0 errors, 0 warnings\n")


def test_every_problem_is_a_line_with_its_place(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "train.yml").write_text(JOB.replace("command: python", "comand: python") + "timeout: 60\n")
    done = azml("validate", "train.yml")
    assert done.code == 1
    assert done.lines == [
        "train.yml:1:1: 'command' is missing",
        "train.yml:4:1: comand: unknown key; did you mean 'command'?",
        "train.yml:12:1: timeout: unknown key; it belongs under 'limits', as limits: {timeout: ...}",
    ]
    assert done.err == "1 file, 3 errors, 0 warnings\n"


def test_a_warning_is_an_error_when_strict(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "train.yml").write_text(JOB.replace("name: train", "name: _train"))
    lenient, strict = azml("validate", "train.yml"), azml("validate", "--strict", "train.yml")
    assert (lenient.code, lenient.err) == (0, "1 file, 0 errors, 1 warning\n")
    assert lenient.out.startswith("train.yml:3:7: name: warning: ")
    assert (strict.code, strict.err) == (1, "1 file, 1 error, 0 warnings\n")
    assert strict.out == lenient.out.replace("warning: ", "")


def test_a_key_that_is_not_sent_is_noted_and_no_error_even_when_strict(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "sales.yml").write_text(
        f"$schema: {SCHEMAS}/data.schema.json\nname: sales\ntype: uri_file\npath: azureml://a/b\nproperties: {{a: b}}\n"
    )
    done = azml("validate", "--strict", "sales.yml")
    said = "not sent: data assets have no properties of yours; say it in tags"
    assert done.lines == [f"sales.yml:5:1: properties: note: {said}"]
    assert (done.code, done.err) == (0, "1 file, 0 errors, 0 warnings, 1 note\n")


def test_of_a_folder_the_aml_files_are_checked(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "conda.yml").write_text("dependencies: [python]\n")
    (folder / "notes.json").write_text('{"type": "note"}')
    (folder / "image.yml").write_bytes(b"\x89\xff type")
    (folder / "broken.yml").write_text(f"$schema: {SCHEMAS}/environment.schema.json\nname: [\n")
    (folder / "foreign.yml").write_text("type: [\n")
    (folder / ".hidden").mkdir()
    (folder / ".hidden/bad.yml").write_text("type: command\n")
    done = azml("validate", ".")
    assert done.code == 1
    assert [line.partition(": ")[0] for line in done.lines] == ["broken.yml:3:1"]
    assert "left out: 4 files" in done.err
    assert done.err.endswith("2 files, 1 error, 0 warnings\n")


def test_patterns_and_repetitions(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "more/deep").mkdir(parents=True)
    (folder / "more/deep/data.yml").write_text("type: uri_file\nname: n\npath: https://example.com/a\n")
    assert azml("validate", "*.yml", "more/**/*.yml", "train.yml").err == "2 files, 0 errors, 0 warnings\n"


@pytest.mark.parametrize("argument", ["*.yaml", "empty"])
def test_what_means_no_file_is_an_error(folder: Path, azml: Callable[..., Done], argument: str) -> None:
    (folder / "empty").mkdir()
    done = azml("validate", argument)
    assert done.code == 1
    assert done.out.startswith(f"{argument}: no ")


def test_kind_is_for_files_that_do_not_tell(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "env.yml").write_text("name: sklearn\nimage: python:3.12\n")
    assert azml("validate", "env.yml").out.startswith("env.yml:1:1: neither $schema nor type tells what this is")
    assert azml("validate", "--kind", "environment", "env.yml").code == 0


def test_set_stands_over_the_file(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "blue.yml").write_text(f"$schema: {SCHEMAS}/managedOnlineDeployment.schema.json\nname: blue\n")
    done = azml("validate", "blue.yml")
    assert "blue.yml:1:1: 'endpoint_name' is missing" in done.lines
    assert done.err.startswith("endpoint_name: give it in the file, or with --set endpoint_name=...\n")
    settings = ("endpoint_name=sales", "model=azureml:iris:1", "instance_type=Standard_DS3_v2", "instance_count=2")
    assert azml("validate", *(f"--set={setting}" for setting in settings), "blue.yml").code == 0
    done = azml("validate", "--set", "inputs.data.mode=mount", "train.yml")
    assert done.out.startswith("<overrides>: inputs.data.mode: is 'mount'; it must be one of ")


def test_a_component_of_two_pipelines_is_told_of_once(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "prepare.yml").write_text(COMPONENT)
    (folder / "one.yml").write_text(PIPELINE)
    (folder / "two.yml").write_text(PIPELINE)
    done = azml("validate", "one.yml", "two.yml", "prepare.yml")
    assert done.code == 1
    assert len([line for line in done.lines if "comand" in line]) == 1


class TestTemplates:
    """What Airflow would render."""

    TEMPLATED = JOB.replace("--data", "--day {{ ds }} --n {{ params.n + 1 }} --id {{ macros.uuid() }} --data") + (
        "resources:\n  instance_count: {{ params.nodes }}\n"
    )

    def test_open_ones_are_not_judged(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "train.yml").write_text(self.TEMPLATED + "limitz: {}\n")
        done = azml("validate", "train.yml")
        assert done.lines == ["train.yml:14:1: limitz: unknown key; did you mean 'limits'?"]
        assert done.err.startswith(
            "not checked, because they are templates: ds, params.n, macros.uuid(...), params.nodes;"
        )

    def test_given_ones_are_filled_in(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "train.yml").write_text(JOB + "resources:\n  instance_count: {{ params.nodes }}\n")
        assert azml("validate", "--var", "params.nodes=4", "train.yml") == (0, "", "1 file, 0 errors, 0 warnings\n")
        done = azml("validate", "--var", "params.nodes=four", "train.yml")
        assert done.out.startswith("train.yml:13:19: resources.instance_count: is 'four'")

    def test_a_bad_one_is_a_problem_of_the_file(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "train.yml").write_text(JOB + "description: {{ ds\n")
        done = azml("validate", "train.yml")
        assert (done.code, done.out.partition(": ")[0]) == (1, "train.yml:12:1")

    def test_they_can_be_taken_for_text(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "train.yml").write_text(JOB + "description: 'Q: {{question|as_asked}}'\n")
        failed = azml("validate", "train.yml")
        assert failed.code == 1
        assert "--no-templates takes {{ }} for text" in failed.err
        assert azml("validate", "--no-templates", "train.yml").code == 0

    def test_checking_a_file_does_not_run_its_code(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "train.yml").write_text(JOB + "description: {{ ''.__class__.__mro__[1].__subclasses__() }}\n")
        done = azml("validate", "train.yml")
        assert done.code == 1
        assert "unsafe" in done.out


class TestUploads:
    """What would be uploaded."""

    def test_files_sizes_ignore_file_hash_and_place(self, folder: Path, azml: Callable[..., Done]) -> None:
        for number in range(12):
            (folder / f"src/part{number:02}.bin").write_bytes(bytes(100 * (number + 1)))
        (folder / "src/.amlignore").write_text("part00.bin\n.amlignore\n")
        (folder / "again.yml").write_text(JOB.replace("name: train", "name: again"))
        done = azml("validate", "--uploads", "train.yml", "again.yml")
        heading, *rest = done.lines
        assert heading.startswith("upload src: 12 files, 7.7 kB, src/.amlignore decides, hash ")
        assert rest[:2] == ["  named at train.yml:5:7: code", "  named at again.yml:5:7: code"]
        assert [line.split() for line in rest[2:4]] == [["1200", "part11.bin"], ["1100", "part10.bin"]]
        assert len(rest) == 12
        assert done == (0, done.out, "2 files, 0 errors, 0 warnings, 1 upload (7.7 kB)\n")

    def test_data_and_models(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "data.yml").write_text("type: uri_folder\nname: n\npath: ./src\n")
        (folder / "model.yml").write_text("type: custom_model\nname: n\npath: ./src/train.py\n")
        done = azml("validate", "--uploads", "data.yml", "model.yml")
        assert [line.partition(", hash")[0] for line in done.lines if line.startswith("upload")] == [
            "upload src: 1 file, 8 bytes, no ignore file",
            "upload src/train.py: 1 file, 8 bytes, no ignore file",
        ]

    def test_a_file_alone_is_not_the_folder_that_it_is_in(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "train.yml").write_text(JOB.replace("azureml:sales:3", "./src/train.py").replace("folder", "file"))
        done = azml("validate", "--uploads", "train.yml")
        assert {line.partition(":")[0] for line in done.lines if line.startswith("upload")} == {
            "upload src",
            "upload src/train.py",
        }

    def test_no_upload_fails_if_there_is_any(self, folder: Path, azml: Callable[..., Done]) -> None:
        done = azml("validate", "--no-upload", "train.yml")
        assert done.code == 1
        assert done.err.startswith("--no-upload: 1 upload would be made\n")
        (folder / "train.yml").write_text(JOB.replace("code: ./src\n", ""))
        assert azml("validate", "--no-upload", "train.yml") == (
            0,
            "",
            "1 file, 0 errors, 0 warnings, 0 uploads (0 bytes)\n",
        )

    def test_links_lead_out_of_a_folder_only_when_asked_for(self, folder: Path, azml: Callable[..., Done]) -> None:
        (folder / "src/link").symlink_to(folder / "train.yml")
        assert azml("validate", "train.yml").code == 1
        assert azml("validate", "--follow-symlinks", "train.yml").code == 0


def test_500_files_take_seconds(folder: Path, azml: Callable[..., Done]) -> None:
    for number in range(500):
        (folder / f"job{number}.yml").write_text(JOB)
    begun = time.process_time()
    assert azml("validate", ".").code == 0
    assert time.process_time() - begun < 5


def test_files_of_checks_are_checked_too(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "payload.json").write_text('{"data": [1]')
    (folder / "iris.checks.yml").write_text("checks:\n  - request_file: payload.json\n    expect: [lenght(@) == `1`]\n")
    (folder / "of_others.yml").write_text("checks:\n  - sql: select 1\n")
    done = azml("validate", ".")
    assert done.lines == [
        "iris.checks.yml:3:14: checks[0].expect[0]: lenght is no function of JMESPath; did you mean 'length'?",
        "payload.json:1:13: no JSON: Expecting ',' delimiter",
    ]
    assert done.err.endswith("2 files, 2 errors, 0 warnings\n")
    (folder / "payload.json").write_text('{"data": [1]}')
    (folder / "iris.checks.yml").write_text("checks:\n  - request_file: payload.json\n    requests: '{{ params.n }}'\n")
    assert azml("validate", "--uploads", "iris.checks.yml").code == 0
