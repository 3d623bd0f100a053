from __future__ import annotations

import json

import pytest

from airflow_provider_azml.rest import families
from airflow_provider_azml.rest.children import Children
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.waiting import Glance
from tests.rest.jobs import STD_LOG, WORKSPACE, Told, details, discover, glance, run_path
from tests.rest.scripted_service import Answer

METRICS = f"/mlflow/v2.0{WORKSPACE}/api/2.0/mlflow/runs/get"


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def plane(service):
    discover(service)
    return DataPlane(WORKSPACE, service.url)


def step(name, status, **fields):
    run = {"runId": f"id-{name}", "parentRunId": "pipeline", "runType": "azureml.StepRun", "displayName": name}
    return {**run, "status": status, **fields}


def trial(number, status, **fields):
    return {
        "runId": f"sweep_{number}",
        "parentRunId": "sweep",
        "status": status,
        "runType": "azureml.scriptrun",
        **fields,
    }


def page(*runs, **more):
    return Answer(body={"value": list(runs), **more})


def logged(**metrics):
    return Answer(body={"run": {"data": {"metrics": [{"key": key, "value": value} for key, value in metrics.items()]}}})


def sweeping(status="Running", **properties):
    seen = glance("sweep", status, job_type="Sweep")
    seen.body["properties"] |= {
        "objective": {"goal": "Maximize", "primaryMetric": "accuracy"},
        "properties": properties,
    }
    return seen


def looks(children, plane, *glances, seconds=15):
    for number, seen in enumerate(glances):
        yield from children.look(plane, seen, now=number * seconds)


def pipeline(told, *, stream_logs=False):
    return Children("pipeline", "Pipeline", told.tell, stream_logs=stream_logs)


def running(count):
    return [glance("pipeline", "Running", job_type="Pipeline")] * count


def test_each_step_tells_its_changes(service, plane, drive, told):
    said = {"error": {"error": {"code": "UserError", "message": "Exit\ncode 1."}}}
    service.answer(
        "GET",
        f"{run_path('pipeline')}/children",
        page(step("prepare", "Running")),
        page(step("prepare", "Completed"), step("train", "Running")),
        page(step("prepare", "Completed"), step("train", "Running")),
        page(step("prepare", "Completed"), step("train", "Failed", **said)),
    )
    drive(looks(pipeline(told), plane, *running(4)))
    assert told == [
        "step 'prepare' is Running",
        "step 'prepare' is Completed",
        "step 'train' is Running",
        "step 'train' is Failed: UserError: Exit code 1.",
    ]
    assert len(service.asked) == 4


def test_pages_are_all_read_and_many_of_them_less_often(service, plane, drive, told):
    path = f"{run_path('pipeline')}/children"
    first = page(*(step(f"a{number}", "Running") for number in range(100)), continuationToken="next")
    last = page(*(step(f"b{number}", "Running") for number in range(100)))
    service.answer("GET", path, first, last, first, last)
    drive(looks(pipeline(told), plane, *running(4), seconds=10))
    asked = [asked.query for asked in service.asked]
    assert len(asked) == 4
    assert ["continuationtoken" in query for query in asked] == [False, True, False, True]
    assert len(told) == 21
    assert told[-1] == "180 more children of pipeline have changed"


def test_logs_of_steps_stand_behind_their_names(service, plane, drive, told):
    logs = {"prepare": bytearray(b"reading\n"), "train": bytearray(b"epoch 1\n")}
    for name, log in logs.items():
        service.answer("GET", f"{run_path(f'id-{name}')}/details", details(service, f"id-{name}", STD_LOG))
        service.answer("GET", f"/id-{name}/{STD_LOG}", Answer(blob=log))
    service.answer(
        "GET",
        f"{run_path('pipeline')}/children",
        page(step("prepare", "Running"), step("train", "Queued"), step("never", "Canceled")),
        page(step("prepare", "Completed"), step("train", "Running"), step("never", "Canceled")),
        page(step("prepare", "Completed"), step("train", "Running"), step("never", "Canceled")),
    )

    def waited():
        steps = pipeline(told, stream_logs=True)
        seen = glance("pipeline", "Running", job_type="Pipeline")
        yield from steps.look(plane, seen, now=0)
        logs["prepare"].extend(b"done")
        yield from steps.look(plane, seen, now=15)
        logs["train"].extend(b"epoch 2\nsaved")
        yield from steps.look(plane, glance("pipeline", "Completed", job_type="Pipeline"), now=30)

    drive(waited())
    assert [line for line in told if line.startswith(("prepare: ", "train: "))] == [
        "prepare: user_logs/std_log.txt of id-prepare:",
        "prepare: reading",
        "prepare: done",
        "train: user_logs/std_log.txt of id-train:",
        "train: epoch 1",
        "train: epoch 2",
        "train: saved",
    ]
    assert not [asked for asked in service.asked if "id-never" in asked.path]


def test_a_trial_is_named_once_where_its_log_begins(service, plane, drive, told):
    service.answer("GET", f"{run_path('sweep_0')}/details", details(service, "sweep_0", STD_LOG))
    service.answer("GET", f"/sweep_0/{STD_LOG}", Answer(blob=b"epoch 1\n"))
    service.answer("GET", f"{run_path('sweep')}/children", page(trial(0, "Running")))
    trials = Children("sweep", "Sweep", told.tell, stream_logs=True)
    drive(trials.look(plane, sweeping(), now=0))
    assert told[-2:] == ["sweep_0: user_logs/std_log.txt:", "sweep_0: epoch 1"]


def test_a_child_whose_log_cannot_be_read_says_so_once_and_keeps_no_other_from_it(service, plane, drive, told):
    service.answer("GET", f"{run_path('id-secret')}/details", Answer(403))
    service.answer("GET", f"{run_path('id-train')}/details", details(service, "id-train", STD_LOG))
    service.answer("GET", f"/id-train/{STD_LOG}", Answer(blob=b"epoch 1\n"))
    service.answer("GET", f"{run_path('pipeline')}/children", page(step("secret", "Running"), step("train", "Running")))
    ended = glance("pipeline", "Completed", job_type="Pipeline")
    drive(looks(pipeline(told, stream_logs=True), plane, *running(3), ended))
    warnings = [line for line in told if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert warnings[0].startswith("WARNING: the log of step 'secret' cannot be read: ")
    assert told[-1] == "train: epoch 1"


def test_logs_of_what_ended_long_ago_are_not_told_again(service, plane, drive, told):
    steps = [step(f"s{number}", "Completed", startTimeUtc="2024-01-01T00:00:00Z") for number in range(50)]
    service.answer("GET", f"{run_path('pipeline')}/children", page(*steps))
    drive(looks(pipeline(told, stream_logs=True), plane, *running(2)))
    assert "(the logs of 30 children that had ended before are left out)" in told
    assert len([asked for asked in service.asked if asked.path.endswith("/details")]) == 20


def test_a_sweep_tells_how_far_it_is_and_which_trial_is_the_best(service, plane, drive, told):
    service.answer(
        "GET",
        f"{run_path('sweep')}/children",
        page(trial(0, "Running"), trial(1, "Running"), trial(2, "Queued")),
        page(trial(0, "Completed"), trial(1, "Running"), trial(2, "Queued")),
        page(trial(0, "Completed"), trial(1, "Completed"), trial(2, "Failed"), trial(3, "Canceled")),
    )
    service.answer("GET", METRICS, logged(accuracy=0.91), logged(accuracy=0.93))
    drive(looks(Children("sweep", "Sweep", told.tell, stream_logs=False), plane, *[sweeping()] * 3))
    assert [line for line in told if line.startswith("trials: ")] == [
        "trials: 2 running, 1 waiting",
        "trials: 1 done, 1 running, 1 waiting, best 0.91 (trial 'sweep_0')",
        "trials: 2 done, 1 failed, 1 canceled, best 0.93 (trial 'sweep_1')",
    ]
    assert [asked.query for asked in service.asked if asked.path == METRICS] == ["run_id=sweep_0", "run_id=sweep_1"]


def test_the_smallest_is_the_best_where_it_is_to_be_minimized(service, plane, drive, told):
    run = {"properties": {"primary_metric_config": json.dumps({"name": "loss", "goal": "minimize"})}}
    service.answer("GET", f"{run_path('sweep')}/children", page(trial(0, "Completed"), trial(1, "Completed")))
    service.answer("GET", METRICS, logged(loss=0.5), logged(loss=0.75))
    drive(looks(Children("sweep", "Sweep", told.tell, stream_logs=False), plane, Glance("Running", run=run)))
    assert told[-1] == "trials: 2 done, best 0.5 (trial 'sweep_0')"


def test_the_best_that_the_sweep_names_costs_no_request(service, plane, drive, told):
    service.answer("GET", f"{run_path('sweep')}/children", page(trial(0, "Completed"), trial(1, "Running")))
    named = sweeping(best_child_run_id="sweep_0", score="0.875")
    drive(looks(Children("sweep", "Sweep", told.tell, stream_logs=False), plane, named, named))
    assert told[-1] == "trials: 1 done, 1 running, best 0.875 (trial 'sweep_0')"
    assert METRICS not in [asked.path for asked in service.asked]


@pytest.mark.parametrize(
    "case",
    [({"loss": 0.1, "acc": 0.9}, "it logged 'acc', 'loss'. Log 'accuracy'"), ({}, "it logged no metric at all. Log")],
)
def test_a_sweep_whose_first_trial_never_logged_its_metric_warns_once(service, plane, drive, told, case):
    metrics, expected = case
    service.answer(
        "GET",
        f"{run_path('sweep')}/children",
        page(trial(0, "Completed"), trial(1, "Running")),
        page(trial(0, "Completed"), trial(1, "Completed")),
    )
    service.answer("GET", METRICS, logged(**metrics))
    drive(looks(Children("sweep", "Sweep", told.tell, stream_logs=False), plane, *[sweeping()] * 3))
    warnings = [line for line in told if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert "trial 'sweep_0' has completed and never logged the primary metric 'accuracy'" in warnings[0]
    assert expected in warnings[0]
    assert told[-1] == "trials: 2 done"


def test_metrics_that_cannot_be_read_keep_nothing_else_from_being_told(service, plane, drive, told):
    service.answer("GET", f"{run_path('sweep')}/children", page(trial(0, "Completed"), trial(1, "Completed")))
    service.answer("GET", METRICS, Answer(403), logged(accuracy=0.5))
    drive(looks(Children("sweep", "Sweep", told.tell, stream_logs=False), plane, *[sweeping()] * 2))
    assert [line.partition(":")[0] for line in told[:2]] == [
        "trial 'sweep_0' is Completed",
        "trial 'sweep_1' is Completed",
    ]
    assert told[2].startswith("WARNING: the metrics of trial 'sweep_0' cannot be read: ")
    assert told[3:] == ["trials: 2 done, best 0.5 (trial 'sweep_1')"]


@pytest.mark.parametrize(
    ("body", "run", "expected"),
    [
        ({"properties": {"jobType": "Pipeline"}}, {}, "Pipeline"),
        ({"properties": {"jobType": "Sweep"}}, {}, "Sweep"),
        ({"properties": {"jobType": "Spark"}}, {}, "single"),
        ({}, {"runType": "azureml.PipelineRun"}, "Pipeline"),
        ({}, {"runType": "hyperdrive"}, "Sweep"),
        ({}, {"runType": "automl"}, "AutoML"),
        ({}, {"runType": "azureml.scriptrun", "properties": {"azureml.runsource": "automl"}}, "single"),
        ({}, {"properties": {"azureml.runsource": "hyperdrive"}}, "Sweep"),
        ({}, {}, None),
    ],
)
def test_a_parent_is_known_by_its_job_or_its_run(body, run, expected):
    assert families.family_of(body, run) == expected
