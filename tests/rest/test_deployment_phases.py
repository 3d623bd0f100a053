"""What the log of a deployment tells, and why one failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_azml.rest.deployment_failures import build_log, explanation, of_probe
from airflow_provider_azml.rest.deployment_phases import Phases, cause, failed_probe, raised, read

PROBES = """\
Instance status:
SystemSetup: Succeeded
UserContainerImagePull: Succeeded
ModelDownload: Succeeded
UserContainerStart: InProgress

Container events:
Kind: Pod, Name: LivenessProbeFailed, Type: Warning, Time: 2024-11-12T13:55:18.532067Z, Message: Liveness probe failed: HTTP probe failed with statuscode: 502
Kind: Pod, Name: ReadinessProbeFailed, Type: Warning, Time: 2024-11-12T13:55:20.601054Z, Message: Readiness probe failed: HTTP probe failed with statuscode: 502

Container logs:
Loading the model, which takes a while
"""  # noqa: E501 (as the service writes it)
DOWNLOAD = """\
Instance status:
SystemSetup: InProgress
UserContainerImagePull: Succeeded
ModelDownload: InProgress
UserContainerStart: Waiting

Container events:
Kind: Pod, Name: Downloading, Type: Normal, Time: 2025-10-16T11:51:55.674665Z, Message: Start downloading models
Kind: Pod, Name: DownloadFailed, Type: Warning, Time: 2025-10-16T11:51:57.014118Z, Message: Model download failed, retrying. Please check storage-initializer log for detail.
"""  # noqa: E501 (as the service writes it)
INIT = [
    "2026-11-22 06:08:22,694 E [14557] azmlinfsrv - User's init function failed",
    "2026-11-22 06:08:22,694 E [14557] azmlinfsrv - Encountered Exception Traceback (most recent call last):",
    '  File "/code/score.py", line 2, in init',
    "KeyError: 'weights'",
    "During handling of the above exception, another exception occurred:",
    "RuntimeError: no such weights",
    "The above exception was the direct cause of the following exception:",
    "azureml_inference_server_http.server.user_script.UserScriptException: Caught an unhandled exception",
    "[2026-11-22 06:08:22 +0000] [14555] [ERROR] Reason: Worker failed to boot.",
]
OF_SERVER = "azureml_inference_server_http.server.user_script"
NO_RUN = [f"{OF_SERVER}.UserScriptError: User script at /s.py does not have a run() function"]
KILLED = ["[2026-11-22 06:08:25 +0000] [14603] [ERROR] Worker (pid:14605) was sent SIGKILL! Perhaps out of memory?"]
EVENT = "Container events:\nKind: Pod, Name: {}, Type: Warning, Time: t, Message: {}\n"


def test_steps_events_and_output_are_told_apart() -> None:
    phases = read(PROBES)
    assert phases.steps["UserContainerStart"] == "InProgress"
    assert [(event.name, event.is_warning, event.is_probe) for event in phases.events] == [
        ("LivenessProbeFailed", True, True),
        ("ReadinessProbeFailed", True, True),
    ]
    assert list(phases.log) == ["Loading the model, which takes a while"]


def test_what_the_model_writes_is_no_event() -> None:
    phases = read("Container logs:\nInstance status:\nSystemSetup: Failed\nKind: Pod, Name: Killing\n")
    assert (phases.steps, phases.events) == ({}, [])
    assert len(phases.log) == 3


def test_a_log_without_parts_is_output() -> None:
    assert list(read("one\ntwo").log) == ["one", "two"]


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    phases = read(text)
    cause(phases, text)
    raised(phases)
    explanation("ResourceNotReady", text, phases, {})


@pytest.mark.parametrize(
    ("phases", "message", "found"),
    [
        (read(PROBES), "", "probe"),
        (read(DOWNLOAD), "", "model_download"),
        (read(DOWNLOAD.replace("ModelDownload: InProgress", "ModelDownload: Succeeded")), "", None),
        (read(EVENT.format("ImagePullFailed", "Image pull failed, retrying.")), "", "image_pull"),
        (read(EVENT.format("BackOff", "Back-off restarting failed container")), "", "crash"),
        (
            read(EVENT.format("Killing", "Container inference-server failed liveness probe, will be restarted")),
            "",
            "probe",
        ),
        (Phases(log=INIT), "Liveness probe failed: HTTP probe failed with statuscode: 502", "script"),
        (Phases(log=KILLED), "Liveness probe failed: HTTP probe failed with statuscode: 502", "out_of_memory"),
        (Phases(), "User container has crashed or terminated: Liveness probe failed: HTTP probe failed", "probe"),
        (Phases(), "something else", None),
    ],
)
def test_what_the_container_says_of_itself_comes_first(phases: Phases, message: str, found: str | None) -> None:
    assert cause(phases, message) == found


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (INIT, "RuntimeError: no such weights"),
        (NO_RUN, "User script at /s.py does not have a run() function"),
        ([], None),
    ],
)
def test_the_error_of_the_script_is_told(log: list[str], told: str | None) -> None:
    assert raised(Phases(log=log)) == told


def test_the_probe_that_ended_it_is_told() -> None:
    assert failed_probe(read(PROBES)) == "readiness"
    assert failed_probe(Phases(), "Readiness probe failed: ...") == "readiness"
    ended = EVENT.format("Killing", "Container inference-server failed startup probe, will be restarted")
    assert failed_probe(read(ended), "Liveness probe failed") == "startup"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (None, "within 310 s (initial_delay 10 s, then 30 x period 10 s)"),
        (
            {"initialDelay": "PT1M30S", "period": "PT0.5S", "failureThreshold": 2},
            "within 91 s (initial_delay 90 s, then 2",
        ),
        ({"initialDelay": "soon"}, "within 310 s"),
    ],
)
def test_a_probe_is_told_with_its_settings(settings: dict[str, object] | None, told: str) -> None:
    text = of_probe("liveness", {"properties": {"livenessProbe": settings}})
    assert "the liveness probe, not the model, ended the container" in text
    assert told in text
    assert "raise initial_delay or failure_threshold of liveness_probe" in text


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("OutOfQuota", "Not enough quota available for Standard_F4s_v2", "the quota is used up"),
        ("OutOfQuota", "Kubernetes unschedulable. Details:0/1 nodes are available", "the cluster has no room"),
        ("BadArgument", "Unable to download user model or code artifacts", "model or code could not be fetched"),
        ("BadArgument", "Startup task failed due to authorization error", "the endpoint's identity may not read"),
        ("ImageBuildFailure", "container registry authorization failure", "sync the keys"),
        ("imagebuildfailure", "conda", "its build log says why"),
        ("PodOutOfMemory", None, "raise resources.limits.memory"),
        ("ResourceNotReady", "User container has crashed", "its log says more"),
        ("Unheard", "of", None),
        (None, None, None),
    ],
)
def test_codes_are_told_in_plain_words(code: str | None, message: str | None, told: str | None) -> None:
    text = explanation(code, message, Phases(), {})
    assert (told in text) if told and text else text is told


def test_the_script_is_named_before_the_code() -> None:
    text = explanation("ResourceNotReady", "User container has crashed", Phases(log=INIT), {})
    assert text == (
        "the scoring script failed when it was loaded: RuntimeError: no such weights; fix it or its environment"
    )


def test_the_log_of_a_build_is_found_in_the_message() -> None:
    place = "in the workspace blob store 'acct' under the path '/azureml/ImageLogs/1-2/build.log'"
    message = f"failed. The build log is available {place}"
    assert build_log(message) == ("azureml", "ImageLogs/1-2/build.log")
    assert build_log('under the path "/azureml/ImageLogs/x/build.log"') == ("azureml", "ImageLogs/x/build.log")
    assert build_log("Image build failed") is None
