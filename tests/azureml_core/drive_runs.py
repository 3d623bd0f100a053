"""Runs scripts, searches and published pipelines by azureml-core, and notes what goes over the wire.

Run by a Python that has azureml-core 1.61, azureml-train-core and azureml-pipeline-core, in a folder of its own, with
the environment of an emulator: ``drive_runs.py SCENARIO TARGET EXCHANGES``. The last line that it prints is what came
of it, as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchanges import Exchanges

if TYPE_CHECKING:
    from azureml.core import Workspace

SCENARIO, TARGET, FILE = sys.argv[1:]
SEARCHED = """\
import json, os, sys, urllib.request
value = float(sys.argv[sys.argv.index("--lr") + 1])
metric = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "acc", "value": 1 - abs(value - 0.5), "timestamp": 1, "step": 0}
headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric"
urllib.request.urlopen(urllib.request.Request(url, json.dumps(metric).encode(), headers)).read()
"""


def script_run(script: str, *arguments: object) -> Any:
    """A script in a new folder, as azureml-core is to run it."""
    from azureml.core import Environment, ScriptRunConfig

    folder = Path(tempfile.mkdtemp())
    (folder / "train.py").write_text(script)
    environment = Environment("as-it-is")
    environment.python.user_managed_dependencies = True
    return ScriptRunConfig(
        str(folder), script="train.py", arguments=[*arguments], compute_target=TARGET, environment=environment
    )


def runs(workspace: Workspace) -> dict[str, Any]:
    from azureml.core import Experiment

    experiment = Experiment(workspace, f"core-{uuid.uuid4()}")
    run = experiment.submit(script_run("import sys; print('hello', sys.argv[1:])", "--a", 1), tags={"k": "v"})
    run.wait_for_completion()
    for value in (1.5, 2.5):
        run.log("m", value)
    run.log_list("l", [1, 2, 3])
    run.log_row("row", x=1, y=2)
    run.log_table("t", {"x": [1, 2], "y": [0.1, 0.2]})
    run.flush()
    run.tag("a", "b")
    run.remove_tags(["k"])
    run.add_properties({"p": "q"})
    Path("up.txt").write_text("up")
    run.upload_file("outputs/up.txt", "up.txt")
    run.download_file("user_logs/std_log.txt", "log.txt")
    found = {
        "status": run.get_status(),
        "metrics": run.get_metrics(),
        "one_metric": run.get_metrics(name="m"),
        "tags": run.get_tags(),
        "property": run.get_properties()["p"],
        "files": [name for name in run.get_file_names() if not name.startswith("azureml-logs/")],
        "log": Path("log.txt").read_text(),
        "listed": [one.id == run.id for one in experiment.get_runs(tags="a", type="azureml.scriptrun")],
        "experiments": [one.name for one in Experiment.list(workspace, experiment_name=experiment.name)]
        == [experiment.name],
    }
    failed = experiment.submit(script_run("raise SystemExit('no')"))
    failed.wait_for_completion(raise_on_error=False)
    found["failed"] = [failed.get_status(), "no" in failed.get_details()["error"]["error"]["message"]]
    found["snapshot"] = Path(failed.restore_snapshot(path=".")).suffix
    return found


def canceled(workspace: Workspace) -> dict[str, Any]:
    from azureml.core import Experiment

    run = Experiment(workspace, f"core-{uuid.uuid4()}").submit(script_run("import time; time.sleep(600)"))
    while run.get_status() != "Running":
        time.sleep(0.1)
    run.cancel()
    run.wait_for_completion(raise_on_error=False)
    return {"status": run.get_status()}


def led(workspace: Workspace) -> dict[str, Any]:
    """Runs that are led from here, with children."""
    from azureml.core import Experiment

    experiment = Experiment(workspace, f"core-{uuid.uuid4()}")
    run = experiment.start_logging(display_name="led", outputs=None, snapshot_directory=None)
    run.log("acc", 0.5)
    child = run.child_run(name="child")
    child.log("acc", 0.75)
    child.complete()
    for one in run.create_children(count=2):
        one.complete()
    found = {
        "children": len(list(run.get_children())),
        "metrics": sorted(one["acc"] for one in run.get_metrics(recursive=True).values()),
    }
    run.complete()
    failed = experiment.start_logging(snapshot_directory=None)
    failed.fail("why", "code")
    experiment.set_tags({"x": "y"})
    tags = Experiment(workspace, experiment.name).tags
    experiment.archive()
    return {**found, "statuses": [run.get_status(), failed.get_status()], "tags": tags}


def searches(workspace: Workspace) -> dict[str, Any]:
    from azureml.core import Experiment
    from azureml.train.hyperdrive import (
        BanditPolicy,
        GridParameterSampling,
        HyperDriveConfig,
        PrimaryMetricGoal,
        RandomParameterSampling,
        choice,
        uniform,
    )

    experiment = Experiment(workspace, f"core-{uuid.uuid4()}")
    metric = {"primary_metric_name": "acc", "primary_metric_goal": PrimaryMetricGoal.MAXIMIZE}
    grid = GridParameterSampling({"--lr": choice(0.1, 0.5)})
    policy = BanditPolicy(slack_factor=0.1, evaluation_interval=1, delay_evaluation=5)
    config = HyperDriveConfig(
        grid, **metric, max_total_runs=2, policy=policy, run_config=script_run(SEARCHED, "--a", 1)
    )
    run = experiment.submit(config)
    run.wait_for_completion()
    best = run.get_best_run_by_primary_metric()
    again = next(experiment.get_runs())
    found = {
        "status": run.get_status(),
        "best": [best.id == f"{run.id}_1", best.get_metrics()],
        "tried": [json.loads(one["hyperparameters"]) for one in again.get_children_sorted_by_primary_metric()],
        "config": again.hyperdrive_config._max_total_runs,
    }
    space = RandomParameterSampling({"lr": uniform(0, 1)})
    endless = HyperDriveConfig(space, **metric, max_total_runs=2, run_config=script_run("import time; time.sleep(600)"))
    stopped = experiment.submit(endless)
    stopped.cancel()
    stopped.wait_for_completion(raise_on_error=False)
    return {**found, "canceled": stopped.get_status()}


def pipelines(workspace: Workspace) -> dict[str, Any]:
    from azureml.core import Experiment
    from azureml.pipeline.core import PublishedPipeline, Schedule, ScheduleRecurrence

    listed = [one for one in PublishedPipeline.list(workspace) if one.name == TARGET]
    pipeline = PublishedPipeline.get(workspace, listed[0].id)
    experiment = Experiment(workspace, f"core-{uuid.uuid4()}")
    run = pipeline.submit(workspace, experiment.name, pipeline_parameters={"word": "hello"})
    run.wait_for_completion(show_output=False)
    recurrence = ScheduleRecurrence(frequency="Hour", interval=1)
    parameters = {"pipeline_parameters": {"word": "due"}, "wait_for_provisioning": True}
    schedule = Schedule.create(workspace, "hourly", pipeline.id, experiment.name, recurrence, **parameters)
    found = {
        "pipeline": [pipeline.name, pipeline.version, pipeline.total_run_steps],
        "status": [run.get_status(), len(list(run.get_children()))],
        "fired": len(schedule.get_pipeline_runs()),
        "schedules": [one.name for one in Schedule.get_schedules_for_pipeline_id(workspace, pipeline.id)],
    }
    weekly = ScheduleRecurrence("Week", 2, start_time="2030-01-01T00:00:00", week_days=["Monday"], time_of_day="10:30")
    schedule.update(recurrence=weekly)
    schedule.disable()
    again = Schedule.get(workspace, schedule.id)
    pipeline.disable()
    ended = [again.status, again.recurrence.hours, PublishedPipeline.get(workspace, pipeline.id).status]
    return {**found, "ended": ended}


def datastores(workspace: Workspace) -> dict[str, Any]:
    from azureml.core import Datastore

    name = f"core_{uuid.uuid4().hex[:8]}"
    account = {"container_name": "c", "account_name": "acc", "account_key": "a2V5", "skip_validation": True}
    made = Datastore.register_azure_blob_container(workspace, name, **account)
    listed = name in workspace.datastores
    workspace.set_default_datastore(name)
    default = workspace.get_default_datastore().name
    workspace.set_default_datastore("workspaceblobstore")
    made.unregister()
    return {
        "made": [made.account_name, made.container_name],
        "listed": [listed, default == name, name in workspace.datastores],
    }


def environments(workspace: Workspace) -> dict[str, Any]:
    from azureml.core import Environment, Experiment
    from azureml.core.conda_dependencies import CondaDependencies

    environment, dependencies = Environment(f"core-{uuid.uuid4()}"), CondaDependencies()
    dependencies._conda_dependencies = {"name": "e", "dependencies": ["python=3.11", "pip"]}
    environment.python.conda_dependencies = dependencies
    versions = [environment.register(workspace).version for _ in range(2)]
    environment.docker.base_image = "another"
    versions.append(environment.register(workspace).version)
    again = Environment.get(workspace, environment.name, "1")
    submitted = script_run("print('in it')")
    submitted.run_config.environment = Environment.get(workspace, environment.name)
    run = Experiment(workspace, f"core-{uuid.uuid4()}").submit(submitted)
    run.wait_for_completion()
    return {
        "versions": versions,
        "dependencies": again.python.conda_dependencies.as_dict()["dependencies"],
        "listed": environment.name in Environment.list(workspace),
        "run": [run.get_status(), run.get_environment().docker.base_image],
    }


def main() -> dict[str, Any]:
    # files of azureml-core's own are called after this
    tempfile.tempdir = "."
    from emulator_workspace import workspace

    exchanges = Exchanges(Path(FILE), TARGET)
    place = workspace()
    exchanges.begin()
    scenarios = (runs, canceled, led, searches, pipelines, datastores, environments)
    result = next(scenario for scenario in scenarios if scenario.__name__ == SCENARIO)(place)
    exchanges.write()
    return result


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main())}\n")
