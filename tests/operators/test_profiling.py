"""Profiles of models: measured at an endpoint that is there for no longer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlProfileModelOperator
from tests.airflow.running import run
from tests.operators.task_process import TaskProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished

# twenty of these take 0.4 s of a processor: the kernel counts in ticks of 10 ms, and may miss what is shorter
SCORE = """\
import json, pathlib, time

def init():
    global held
    held = bytearray(32 << 20)

def run(raw):
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass
    asked = json.loads(raw)
    if "hold" in asked:
        hold = pathlib.Path(asked["hold"])
        hold.with_suffix(".asked").touch()
        while hold.exists():
            time.sleep(0.02)
    return asked["data"]
"""
INFERENCE = {
    "entryScript": "score.py",
    "sourceDirectory": "work",
    "environment": {
        "name": "profiled",
        "python": {"condaDependencies": {"dependencies": ["python=3.11", "pip"]}},
        "docker": {"baseImage": None},
    },
}


@pytest.fixture
def hook(azml_connection: str) -> Iterator[AzmlHook]:
    hook = AzmlHook(azml_connection)
    for name in left_behind(hook):  # by a test that failed, which the others shall not fail for
        hook.delete("online_endpoint", name)
    yield hook
    hook.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "score.py").write_text(SCORE)
    (tmp_path / "inferenceconfig.json").write_text(json.dumps(INFERENCE))
    return tmp_path


def profiled(folder: Path, **arguments: Any) -> Finished:
    arguments = {"inference_config": str(folder / "inferenceconfig.json"), "payload": {"data": [1]}, **arguments}
    with DAG("profiles", schedule=None, default_args={"poll_seconds": 0.2}) as dag:
        AzmlProfileModelOperator(task_id="it", name="myprofile", base_path=str(folder), **arguments)
    return run(dag)


def left_behind(hook: AzmlHook) -> list[str]:
    """Endpoints of profiles that are there and do not go."""
    found = [each for each in hook.list("online_endpoint") if each["name"].startswith("profile-")]
    return [each["name"] for each in found if each["properties"]["provisioningState"] != "Deleting"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_profile_recommends_a_size_and_leaves_nothing_behind(deferrable: bool, hook: AzmlHook, folder: Path) -> None:
    target = folder / "results" / "myprofileresult.json"
    arguments = {"requests": "20", "concurrency": 2, "warm_up": 1, "target_file": str(target)}
    finished = profiled(folder, deferrable=deferrable, **arguments)
    assert finished.errors == {}
    profile = finished.value("it")
    assert (profile["name"], profile["state"], profile["totalQueries"]) == ("myprofile", "Succeeded", 20)
    assert profile["successRate"] == 100.0
    assert profile["latencyPercentile99InMs"] >= profile["latencyPercentile50InMs"] >= 2
    assert profile["cpu"] == profile["recommendedCpu"] >= profile["maxUtilizedCpu"] > 0
    assert profile["memoryInGB"] == profile["recommendedMemoryInGB"] >= profile["maxUtilizedMemoryInGB"] > 32 / 1024
    assert profile["recommendedInstanceType"] == "Standard_DS1_v2"
    assert json.loads(target.read_text()) == profile
    assert left_behind(hook) == []


def test_a_profile_without_metrics_recommends_nothing(
    hook: AzmlHook, folder: Path, azml_emulator: RunningEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = {"spec": "403=1", "path": "Microsoft.Insights", "times": 1}
    url = f"{azml_emulator.url}/emulator/faults"
    requests.put(url, json=fault, headers=azml_emulator.headers, timeout=60).raise_for_status()
    finished = profiled(folder, requests=5)
    requests.delete(url, headers=azml_emulator.headers, timeout=60).raise_for_status()
    assert finished.errors == {}
    assert finished.value("it")["successRate"] == 100.0
    assert "cpu" not in finished.value("it")
    assert "The profile recommends no size" in capsys.readouterr().out
    assert left_behind(hook) == []


def test_requests_come_from_a_file_and_what_fails_is_counted(hook: AzmlHook, folder: Path) -> None:
    (folder / "requests.jsonl").write_text('{"data": 1}\n\n{"nothing": 2}\n')
    data = str(folder / "requests.jsonl")
    profile = profiled(folder, payload=None, data=data, requests=10, metrics_seconds=0).value("it")
    assert (profile["successQueries"], profile["successRate"]) == (5, 50.0)
    assert "recommendedCpu" not in profile
    assert left_behind(hook) == []


def test_a_profile_without_a_success_fails_and_leaves_nothing_behind(hook: AzmlHook, folder: Path) -> None:
    (error,) = profiled(folder, payload={"nothing": 1}, requests=3).errors["it"]
    assert isinstance(error, RunFailed)
    assert "not one of 3 requests was answered with success" in str(error)
    assert "KeyError" in str(error)
    assert left_behind(hook) == []


def test_a_script_that_cannot_start_leaves_nothing_behind(hook: AzmlHook, folder: Path) -> None:
    (folder / "work" / "score.py").write_text("def init():\n    raise RuntimeError('no weights')\ndef run(raw): ...\n")
    (error,) = profiled(folder).errors["it"]
    assert "no weights" in str(error)
    assert left_behind(hook) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"payload": None}, "payload: or data is needed"),
        ({"requests": 0}, "requests: is 0"),
        ({"concurrency": "many"}, "concurrency: is 'many'"),
        ({"payload": None, "data": "gone.jsonl"}, "gone.jsonl"),
        ({"inference_config": {"entryScript": "gone.py"}}, "gone.py"),
    ],
)
def test_bad_arguments_are_named(hook: AzmlHook, folder: Path, arguments: dict[str, Any], reason: str) -> None:
    (error,) = profiled(folder, **arguments).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert reason in str(error)
    assert left_behind(hook) == []


def test_a_profile_of_the_first_generation(hook: AzmlHook, folder: Path) -> None:
    target = folder / "myprofileresult.json"

    def services() -> set[str]:
        return {str(service["name"]) for service in hook.v1.services()}

    before = services()
    finished = profiled(folder, generation="v1", deferrable=True, target_file=str(target))
    assert finished.errors == {}
    profile = finished.value("it")
    assert (profile["name"], profile["state"], profile["successRate"]) == ("myprofile", "Succeeded", 100.0)
    assert profile["cpu"] == profile["recommendedCpu"] > 0
    assert json.loads(target.read_text())["memoryInGB"] == profile["recommendedMemoryInGB"]
    assert services() == before


def test_a_profile_of_the_first_generation_that_fails_says_why(hook: AzmlHook, folder: Path) -> None:
    (error,) = profiled(folder, generation="v1", payload={"nothing": 1}).errors["it"]
    assert isinstance(error, RunFailed)
    assert "profile" in str(error)
    assert "Not one of the requests was answered with success" in str(error)


@pytest.fixture
def hold(folder: Path) -> Iterator[Path]:
    """A file that holds back all answers as long as it is there."""
    hold = folder / "hold"
    hold.touch()
    yield hold
    hold.unlink(missing_ok=True)


def task(folder: Path) -> AzmlProfileModelOperator:
    """A profile that is not measured before it may be."""
    with DAG("killed", schedule=None):
        return AzmlProfileModelOperator(
            task_id="it",
            name="myprofile",
            inference_config=str(folder / "inferenceconfig.json"),
            payload={"data": [1], "hold": str(folder / "hold")},
            requests=5,
            poll_seconds=0.2,
        )


def measuring(hook: AzmlHook, hold: Path, process: TaskProcess) -> str:
    """Wait until a try has begun to measure; the name of the endpoint."""
    process.until(hold.with_suffix(".asked").exists)
    (name,) = left_behind(hook)
    return name


def test_a_try_that_was_killed_is_gone_on_with_and_its_endpoint_deleted(
    hook: AzmlHook, folder: Path, hold: Path
) -> None:
    first = TaskProcess(task(folder), folder)
    try:
        name = measuring(hook, hold, first)
    finally:
        first.close()  # by SIGKILL
    hold.unlink()
    assert left_behind(hook) == [name]
    second = TaskProcess(task(folder), folder, try_number=2)
    assert second.end()["type"] == "SucceedTask"
    assert f"An earlier try has made the endpoint {name}" in second.log
    assert left_behind(hook) == []


def test_a_try_that_is_asked_to_end_deletes_its_endpoint(hook: AzmlHook, folder: Path, hold: Path) -> None:
    process = TaskProcess(task(folder), folder)
    try:
        name = measuring(hook, hold, process)
        process.terminate()
        process.until(lambda: not left_behind(hook))
        process.until(lambda: f"Endpoint {name} is being deleted" in process.log)
    finally:
        process.close()
