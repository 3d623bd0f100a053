"""HyperDrive configurations of CLI v1."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import isodate
import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, sweep_jobs
from airflow_provider_azml.spec.source import Source, as_written
from airflow_provider_azml.spec.v1 import hyperdrive, runconfigs
from tests.spec.v1.test_pipelines import _with_junk

if TYPE_CHECKING:
    from airflow_provider_azml.spec.v1.translation import Translation

GOLDEN = json.loads((Path(__file__).parents[2] / "azureml_core" / "hyperdrive.json").read_text())["cases"]
HDCONFIG = GOLDEN["the file of the documentation"]["given"]
RUNCONFIG = """\
script: train.py
arguments: [--kept, 1]
target: cpu
maxRunDurationSeconds: 90
nodeCount: 2
dataReferences: {a: {dataStoreName: s}}
environment: {python: {condaDependencies: {dependencies: [python=3.11]}}, docker: {baseImage: ubuntu}}
"""
SAMPLINGS = {"RANDOM": "Random", "GRID": "Grid", "BayesianOptimization": "Bayesian"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("")
    (tmp_path / ".azureml").mkdir()
    (tmp_path / ".azureml/cpu.runconfig").write_text(RUNCONFIG)
    return tmp_path


def made(folder: Path, text: str, **given: Any) -> Translation:
    (folder / "hdconfig.yml").write_text(text)
    hdconfig = as_written(folder / "hdconfig.yml")
    assert hyperdrive.is_hdconfig(hdconfig)
    assert not runconfigs.is_runconfig(hdconfig)
    return hyperdrive.sweep_job(hdconfig, as_written(folder / ".azureml/cpu.runconfig"), **given)


def refused(folder: Path, text: str, **given: Any) -> list[str]:
    with pytest.raises(SpecError) as error:
        made(folder, text, **given)
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


def given(**changes: Any) -> str:
    """The file of the documentation with other values."""
    return json.dumps({**yaml.safe_load(HDCONFIG), **changes}, indent=1)


@pytest.mark.parametrize("name", [name for name in GOLDEN if not name.startswith("refused")])
def test_a_hyperdrive_configuration_says_what_azureml_core_reads(name: str, folder: Path) -> None:
    theirs = GOLDEN[name]["read"]
    translation = made(folder, GOLDEN[name]["given"])
    kinds.check(translation.source, "job", strict=True)
    body = sweep_jobs.properties(translation.source, None)

    space = theirs["generator"]["parameter_space"]
    assert body["searchSpace"] == {name.lstrip("-"): distribution for name, distribution in space.items()}
    words = [word if word.startswith("-") else f"--{word}" for word in space]
    assert [word for word in body["trial"]["command"].split() if word in words] == words
    assert body["samplingAlgorithm"] == {"samplingAlgorithmType": SAMPLINGS[theirs["generator"]["name"]]}
    metric = theirs["primary_metric"]
    assert body["objective"] == {"goal": metric["goal"], "primaryMetric": metric["name"]}
    limits = body["limits"]
    assert limits["maxTotalTrials"] == theirs["max_total_runs"]
    assert limits["maxConcurrentTrials"] == theirs["max_concurrent_runs"]
    assert isodate.parse_duration(limits["timeout"]).total_seconds() == 60 * theirs["max_duration_minutes"]
    policy = body.get("earlyTermination")
    if theirs["policy"]["name"] == "Default":
        assert policy is None
    else:
        ours = {key: value for key, value in policy.items() if key != "policyType" and value is not None}
        their = theirs["policy"]["properties"]
        assert policy["policyType"] == theirs["policy"]["name"]
        assert {key: value for key, value in ours.items() if value} == {
            _camel(key): value for key, value in their.items() if value
        }


def _camel(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(map(str.capitalize, others))


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.startswith("refused")])
def test_what_azureml_core_refuses_is_refused_with_its_place(name: str, folder: Path) -> None:
    assert "refused" in GOLDEN[name]["read"]
    assert all(problem.startswith("hdconfig.yml:") for problem in refused(folder, GOLDEN[name]["given"]))


def test_the_documented_file_becomes_a_sweep(folder: Path) -> None:
    translation = made(folder, HDCONFIG, experiment_name="e")
    assert translation.source.value == {
        "type": "sweep",
        "trial": {
            "command": 'AZUREML_DATAREFERENCE_a="${{inputs.a}}" python train.py --kept 1 --penalty '
            "${{search_space.penalty}}",
            "code": ".",
            "environment": {"image": "ubuntu", "conda_file": {"dependencies": ["python=3.11"]}},
            "resources": {"instance_count": 2},
        },
        "compute": "azureml:cpu",
        "inputs": {"a": {"type": "uri_folder", "path": "azureml://datastores/s/paths/", "mode": "ro_mount"}},
        "sampling_algorithm": "random",
        "search_space": {"penalty": {"type": "choice", "values": [0.5, 1, 1.5]}},
        "objective": {"goal": "maximize", "primary_metric": "Accuracy"},
        "early_termination": {
            "type": "bandit",
            "evaluation_interval": 1,
            "delay_evaluation": 0,
            "slack_factor": 0.2,
        },
        "limits": {"max_total_trials": 8, "max_concurrent_trials": 2, "timeout": 6000, "trial_timeout": 90},
        "experiment_name": "e",
    }
    assert kinds.check(translation.source, "job", strict=True) == []
    assert [remark.place for remark in translation.remarks] == [("trial", "command"), ("inputs", "a")]
    assert translation.notes == []


def test_options_with_spaces_stay_one_argument(folder: Path) -> None:
    space = [{"name": "a-b", "expression": "choice", "values": ["x", "y z"]}]
    found = made(folder, given(sampling={"type": "grid", "parameter_space": space})).source.value
    assert found["trial"]["command"].endswith(' --kept 1 --a-b "${{search_space.a_b}}"')


@pytest.mark.parametrize(("minutes", "told"), [(None, "where nothing was said"), (20_000, "v1 took 20000 minutes")])
def test_the_longest_time_of_v1_is_kept(minutes: int | None, told: str, folder: Path) -> None:
    translation = made(folder, given(max_duration_minutes=minutes))
    assert translation.source.value["limits"]["timeout"] == 604_800
    (remark,) = [remark for remark in translation.remarks if remark.place == ("limits", "timeout")]
    assert told in remark.text


def test_what_v1_did_not_heed_is_noted(folder: Path) -> None:
    policy = {"type": "MedianStoppingPolicy", "slack_factor": 0.1}
    space = [{"name": "a", "expression": "uniform", "values": [0, 1]}]
    text = given(policy=policy, sampling={"type": "bayesian", "parameter_space": space})
    notes = {note.path: note.reason for note in made(folder, text).notes}
    assert notes["policy.slack_factor"] == "not sent: counts with banditpolicy alone"
    assert "no policies with bayesian sampling" in notes["policy"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"polizy": 1}, "polizy: unknown key; did you mean 'policy'?"),
        ({"max_total_runs": 0}, "max_total_runs: is 0; it must be at least 1"),
        ({"max_concurrent_runs": 9}, "max_concurrent_runs: is 9, and there are 8 runs in all (max_total_runs)"),
        ({"primary_metric_name": "None"}, "primary_metric_name: is the text 'None'"),
        (
            {"policy": {"type": "BanditPolicy", "slack_factor": 0.1, "slack_amount": 1}},
            "policy: slack_factor and slack_amount are given; banditpolicy takes one",
        ),
        ({"policy": {"type": "BanditPolicy"}}, "policy: slack_factor or slack_amount is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(changes: dict[str, Any], expected: str, folder: Path) -> None:
    told = refused(folder, given(**changes))
    assert any(expected in problem for problem in told), told


@pytest.mark.parametrize(
    ("name", "expression", "values", "expected"),
    [
        ("--kept", "choice", [1], "name: '--kept' is an argument in .azureml/cpu.runconfig:2:13 too"),
        ("kept", "choice", [1], "name: 'kept' is an argument in .azureml/cpu.runconfig:2:13 too"),
        ("--a", "choice", [True], "values: True is no option of v2"),
        ("--a", "uniform", [1], "values: uniform takes min_value and max_value, and 1 values are given"),
        ("--a", "uniform", ["x", 1], "values: min_value of uniform is 'x', and it must be a number"),
        ("--a", "loguniform", [2, 1], "values: min_value of loguniform is 2, and it must be less than max_value"),
        ("--a", "quniform", [1, 2, 0], "values: q of quniform is 0, and it must be a whole number from 1"),
        ("--a", "randint", [1.5], "values: upper of randint is 1.5, and it must be a whole number from 1"),
        ("--a", "qnormal", [1, -2, 1], "values: sigma of qnormal is -2, and it must not be less than 0"),
        ("", "choice", [1], "name: is ''; it must be a name, with - or -- before it or without"),
    ],
)
def test_what_is_wrong_with_an_argument_is_told(
    name: str, expression: str, values: list[Any], expected: str, folder: Path
) -> None:
    space = [{"name": name, "expression": expression, "values": values}]
    told = refused(folder, given(sampling={"type": "random", "parameter_space": space}))
    assert any(f"sampling.parameter_space[0].{expected}" in problem for problem in told), told


def test_two_arguments_of_one_name_are_told(folder: Path) -> None:
    space = [{"name": name, "expression": "choice", "values": [1]} for name in ("--a-b", "a_b")]
    (told,) = refused(folder, given(sampling={"type": "grid", "parameter_space": space}))
    assert "parameter_space[1].name: 'a_b' and '--a-b' are both 'a_b' in v2; rename one" in told


def test_problems_of_both_files_are_told_at_once(folder: Path) -> None:
    file = folder / ".azureml/cpu.runconfig"
    file.write_text("command: ls\nframework: PySpark\npriority: 3\napplicationEndpoints: {a: {type: SSH}}\n")
    told = "\n".join(refused(folder, given(max_total_runs=0)))
    for expected in (
        "hdconfig.yml:",
        ".azureml/cpu.runconfig:1:1: command: v1 gave values to scripts alone",
        ".azureml/cpu.runconfig:2:12: framework: v2 tries no values of arguments on Spark",
        ".azureml/cpu.runconfig:3:1: priority: ",
        ".azureml/cpu.runconfig:4:1: applicationEndpoints: v2 has no ways into the trials",
    ):
        assert expected in told


def test_hyperdrive_configurations_are_found_by_name(folder: Path) -> None:
    (folder / ".azureml/hdconfig.yml").write_text(HDCONFIG)
    assert hyperdrive.find_hdconfig(folder, "hdconfig.yml") == folder / ".azureml/hdconfig.yml"
    assert hyperdrive.find_hdconfig(folder, ".azureml/hdconfig.yml") == folder / ".azureml/hdconfig.yml"
    with pytest.raises(SpecError, match=r"^other.yml: there is no such file \(in "):
        hyperdrive.find_hdconfig(folder, "other.yml")
    (folder / "sub").mkdir()
    (folder / "sub/hdconfig.yml").write_text(HDCONFIG)
    with pytest.raises(SpecError, match="several files are called so"):
        hyperdrive.find_hdconfig(folder, "hdconfig.yml")


def test_a_hyperdrive_configuration_is_checked_by_itself(folder: Path) -> None:
    assert hyperdrive.check(Source(yaml.safe_load(HDCONFIG), folder)) == []
    with pytest.raises(SpecError, match="'policy' is missing"):
        hyperdrive.check(Source({"sampling": {}}, folder))


def test_whatever_a_part_of_a_file_is_replaced_by_it_is_refused_in_words(folder: Path) -> None:
    runconfig = as_written(folder / ".azureml/cpu.runconfig")
    for changed in _with_junk(yaml.safe_load(HDCONFIG)):
        with suppress(SpecError):  # anything else is a fault
            hyperdrive.sweep_job(Source(changed, folder), runconfig)
