"""The execution service of the retired generation: runs that are started from run definitions really run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import EXPERIMENT, V1, compute, configuration

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

SCRIPT = "import os, sys\nprint(sys.argv[1:])\nprint(os.environ.get('GREETING'), os.environ['AZUREML_RUN_ID'])\n"


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    return V1(Workspace(azml_emulator).ensure())


@pytest.fixture(scope="module")
def target(v1: V1) -> str:
    return compute(v1.workspace)


def test_a_run_runs_what_its_definition_says(v1: V1, target: str) -> None:
    words = ["--alpha", 0.5, "two words", "${{inputs.x}}", "$HOME", "it's", "${AZUREML_DATAREFERENCE_x}"]
    given = configuration(target, Arguments=words, EnvironmentVariables={"GREETING": "hello"})
    run_id = v1.start({"Configuration": given}, {"train.py": SCRIPT}).json()["runId"]
    assert re.fullmatch(rf"{EXPERIMENT}_\d{{13}}", run_id)
    run = v1.ended(run_id)
    assert (run["status"], run["runType"], run["target"]) == ("Completed", "azureml.scriptrun", target)
    assert run["scriptName"] == "train.py"
    arguments, greeting = v1.log_of(run_id).splitlines()
    assert arguments == str(["--alpha", "0.5", *words[2:]])
    assert greeting == f"hello {run_id}"


def test_a_run_is_a_job_of_its_name(v1: V1, target: str) -> None:
    given = {"configuration": {key[0].lower() + key[1:]: value for key, value in configuration(target).items()}}
    run_id = v1.start(given, {"train.py": "print('small letters')"}, run_id="chosen-by-me").json()["runId"]
    assert run_id == "chosen-by-me"
    run = v1.ended(run_id)
    job = v1.workspace.get("job", run_id)["properties"]
    assert (job["jobType"], job["status"], job["experimentName"]) == ("Command", "Completed", EXPERIMENT)
    assert job["computeId"].endswith(f"/computes/{target}")
    details = v1.call("history/v1.0", f"experiments/{EXPERIMENT}/runs/{run_id}/details").json()
    assert details["runDefinition"] == given["configuration"]
    assert "runDefinition" not in run
    again = v1.start(given, {"train.py": "print('again')"}, run_id=run_id, ok=False)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "UserError")
    assert v1.log_of(run_id) == "small letters\n"


def test_a_script_that_fails_is_a_run_that_failed(v1: V1, target: str) -> None:
    run = v1.run({"Configuration": configuration(target)}, {"train.py": "raise SystemExit('no')"})
    assert run["status"] == "Failed"
    assert "no" in run["error"]["error"]["message"]


def test_data_references_are_paths(v1: V1, target: str) -> None:
    v1.workspace.data({"a.txt": "from the store"}, "v1/in")
    file = {"DataStoreName": "workspaceblobstore", "Mode": "download", "PathOnDataStore": "v1/in/a.txt"}
    given = configuration(
        target,
        Arguments=["--from", "$AZUREML_DATAREFERENCE_given", "--to", "$AZUREML_DATAREFERENCE_made"],
        DataReferences={
            "file": file,
            "given": {"DataStoreName": "workspaceblobstore", "Mode": "mount", "PathOnDataStore": "v1/in"},
            "made": {"DataStoreName": "workspaceblobstore", "Mode": "upload", "PathOnDataStore": "v1/out"},
        },
    )
    script = (
        "import os, sys, pathlib\n_, _, source, _, target = sys.argv\n"
        "assert source == os.environ['AZUREML_DATAREFERENCE_given'], source\n"
        "assert open(os.environ['AZUREML_DATAREFERENCE_file']).read() == 'from the store'\n"
        "text = (pathlib.Path(source) / 'a.txt').read_text()\n"
        "(pathlib.Path(target) / 'b.txt').write_text(text.upper())\n"
    )
    assert v1.run({"Configuration": given}, {"train.py": script})["status"] == "Completed"
    assert v1.workspace.download(v1.workspace.blob_url("v1/out/b.txt")) == "FROM THE STORE"


def test_the_conda_file_of_the_project_makes_the_environment(v1: V1, target: str) -> None:
    python = {"CondaDependenciesFile": "conf/conda.yml"}
    given = configuration(target, Environment={"Python": python})
    files = {"train.py": "print('ran')", "conf/conda.yml": "dependencies: [no-such-conda-package]"}
    run = v1.run({"Configuration": given}, files)
    assert "no-such-conda-package" in run["error"]["error"]["message"]


def test_a_run_is_canceled(v1: V1, target: str) -> None:
    run_id = v1.start({"Configuration": configuration(target)}, {"train.py": "import time; time.sleep(600)"}).json()[
        "runId"
    ]
    path = f"experiments/{EXPERIMENT}/runId/{run_id}/cancel"
    assert v1.call("execution/v1.0", path, "POST").json() == {"runId": run_id}
    assert v1.ended(run_id)["status"] == "Canceled"
    gone = v1.call("execution/v1.0", f"experiments/{EXPERIMENT}/runId/none/cancel", "POST", ok=False)
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Script": None}, "'Configuration.Script' is missing"),
        ({"Target": "local"}, "'Configuration.Target' must name a compute"),
        ({"Target": "nowhere"}, "compute 'nowhere'"),
        ({"Framework": "PySpark"}, "'Configuration.Framework' is PySpark"),
        ({"Arguments": "one two"}, "'Configuration.Arguments' must be a list"),
        ({"MaxRunDurationSeconds": 0}, "'Configuration.MaxRunDurationSeconds' must be from 1"),
        ({"NodeCount": 3}, "3"),
        ({"DataReferences": {"a b": {}}}, "'a b' cannot name a data reference"),
        ({"DataReferences": {"d": {"DataStoreName": "none"}}}, "data reference 'd' cannot be used"),
        ({"Data": {"d": {"DataLocation": {"Dataset": {"Id": "1"}}}}}, "names a dataset for 'd'"),
        (
            {"Environment": {"Docker": {"BaseDockerfile": "FROM x"}}},
            "'Configuration.Environment.Docker.BaseDockerfile'",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_refused_by_name(v1: V1, target: str, changed: dict[str, Any], words: str) -> None:
    given = configuration(target, **changed)
    refused = v1.start({"Configuration": given}, {"train.py": ""}, ok=False)
    if refused.ok:  # what is known once there are nodes alone
        message = v1.ended(refused.json()["runId"])["error"]["error"]["message"]
    else:
        assert refused.status_code == 400
        message = refused.json()["error"]["message"]
    assert words in message


@pytest.mark.parametrize("parts", ["no zip", "no definition", "not a zip", "leads out"])
def test_a_form_that_is_none_is_refused(v1: V1, target: str, parts: str) -> None:
    definition = ("definition.json", json.dumps({"Configuration": configuration(target)}))
    form = {"runDefinitionFile": definition, "projectZipFile": ("project.zip", b"zip")}
    if parts == "leads out":
        refused = v1.start({"Configuration": configuration(target)}, {"../train.py": ""}, ok=False)
    else:
        form = {name: part for name, part in form.items() if (parts, name) not in _LEFT_OUT}
        refused = v1.call("execution/v1.0", f"experiments/{EXPERIMENT}/startrun", "POST", ok=False, files=form)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UserError")


_LEFT_OUT = {("no zip", "projectZipFile"), ("no definition", "runDefinitionFile")}


def test_runs_on_this_machine_are_refused(v1: V1) -> None:
    refused = v1.call("execution/v1.0", f"experiments/{EXPERIMENT}/startlocalrun", "POST", ok=False, json={})
    assert refused.status_code == 501


def test_nothing_is_told_without_a_token(v1: V1) -> None:
    url = f"{v1.workspace.emulator.https_url}/execution/v1.0{v1.workspace.id}/experiments/e/startrun"
    bundle = v1.workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    assert v1.workspace.session.post(url, verify=bundle, timeout=60).status_code == 401
