"""What the recorded script did with MLClient, step by step: jobs."""

from __future__ import annotations

import time
from typing import Any

from tests.emulator.mlclient_assets import AssetSteps


class JobSteps(AssetSteps):
    """The steps about jobs, and those that need one."""

    def create_model_of_a_job(self) -> None:
        path = f"azureml://jobs/{self._name('job1')}/outputs/artifacts/paths/outputs/"
        assert self._put_model("m3", path).version == "1"
        self._client.models.download("m3", "1", download_path=str(self._folder / "models"))
        (file,) = (self._folder / "models/m3").rglob("model.txt")
        assert file.read_text() == "a model"

    def create_command(self) -> None:
        self.create_compute()
        job = self._client.jobs.create_or_update(self._command("job1"))
        self._jobs["job1"] = job.name
        assert job.status in ("NotStarted", "Queued", "Preparing", "Running")

    def get_command(self) -> None:
        job = self._client.jobs.get(self._name("job1"))
        assert (job.type, job.experiment_name) == ("command", "exp1")
        assert job.inputs["d"].path == "d1:1"
        assert job._to_dict()["inputs"]["lr"] == "0.1"

    def stream_command(self) -> None:
        self._client.jobs.stream(self._name("job1"))
        assert self._client.jobs.get(self._name("job1")).status == "Completed"

    def download_command(self) -> None:
        target = self._folder / "job1"
        self._client.jobs.download(self._name("job1"), download_path=target)
        assert "training on ['x.csv']" in (target / "artifacts/user_logs/std_log.txt").read_text()
        assert (target / "artifacts/outputs/model.txt").read_text() == "a model"
        self._client.jobs.download(self._name("job1"), download_path=target, output_name="o")
        assert (target / "named-outputs/o/model.txt").read_text() == "a,b\n1,2\nlr=0.1\n"

    def create_command_with_all_inline(self) -> None:
        from azure.ai.ml import Input, command
        from azure.ai.ml.entities import Environment

        job = command(
            name=self._name("job2"),
            command="sleep 600; python train.py ${{inputs.d}}",
            code=str(self._code),
            compute="cpu",
            inputs={"d": Input(type="uri_folder", path=str(self._folder / "data"))},
            environment=Environment(image="img", conda_file={"name": "x", "dependencies": ["pip"]}),
            experiment_name="emu",
        )
        made = self._client.jobs.create_or_update(job)
        assert made.inputs["d"].path.endswith("/data/")

    def cancel(self) -> None:
        self._client.jobs.begin_cancel(self._name("job2")).result()
        assert self._ended("job2") == "Canceled"

    def list_jobs(self) -> None:
        assert {job.name for job in self._client.jobs.list()} == {self._name("job1"), self._name("job2")}

    def archive(self) -> None:
        self._client.jobs.archive(self._name("job2"))
        assert {job.name for job in self._client.jobs.list()} == {self._name("job1")}

    def create_sweep(self) -> None:
        from azure.ai.ml.sweep import Choice

        command = self._command("unused")
        trial = command(lr=Choice([0.1, 0.2]))
        sweep = trial.sweep(primary_metric="acc", goal="maximize", sampling_algorithm="grid", compute="cpu")
        sweep.set_limits(max_total_trials=2, max_concurrent_trials=2, timeout=600)
        sweep.name, sweep.experiment_name = self._name("sweep1"), "exp1"
        assert self._client.jobs.create_or_update(sweep).type == "sweep"

    def stream_sweep(self) -> None:
        self._client.jobs.stream(self._name("sweep1"))
        sweep = self._client.jobs.get(self._name("sweep1"))
        best = sweep.properties["best_child_run_id"]
        assert (sweep.status, sweep.properties["score"]) == ("Completed", "0.2")
        children = {child.name for child in self._client.jobs.list(parent_job_name=sweep.name)}
        assert len(children) == 2
        assert best in children
        self._client.jobs.download(sweep.name, download_path=self._folder / "sweep1", output_name="o")
        assert (self._folder / "sweep1/named-outputs/o/model.txt").read_text() == "a,b\n1,2\nlr=0.2\n"

    def create_pipeline(self) -> None:
        job = self._client.jobs.create_or_update(self._pipeline(), experiment_name="exp1")
        self._jobs["pipe1"] = job.name
        assert set(job.jobs) == {"a", "b"}

    def stream_pipeline(self) -> None:
        self._client.jobs.stream(self._name("pipe1"))
        steps = {
            child.display_name: child.status for child in self._client.jobs.list(parent_job_name=self._name("pipe1"))
        }
        assert steps == {"a": "Completed", "b": "Completed"}

    def get_pipeline(self) -> None:
        job = self._client.jobs.get(self._name("pipe1"))
        assert (job.type, job.status, job.display_name) == ("pipeline", "Completed", "p")
        self._client.jobs.download(job.name, download_path=self._folder / "pipe1", output_name="m")
        (file,) = (self._folder / "pipe1").rglob("model.txt")
        assert file.read_text() == "a,b\n1,2\nlr=None\nlr=None\n"

    def create_component(self) -> None:
        from azure.ai.ml import Input, command

        node = command(
            name="cc",
            command="echo ${{inputs.x}}",
            environment="azureml:env:1",
            inputs={"x": Input(type="number", default=1.0)},
        )
        made = self._client.components.create_or_update(node.component, version="1")
        assert (made.name, made.inputs["x"].default) == ("cc", 1.0)

    def _ended(self, job: str) -> str:
        while (found := self._client.jobs.get(self._name(job))).status == "CancelRequested":
            time.sleep(0.1)
        return str(found.status.value)

    def _command(self, name: str) -> Any:
        from azure.ai.ml import Input, Output, command

        return command(
            name=self._name(name),
            command="python train.py --d ${{inputs.d}} --lr ${{inputs.lr}} --o ${{outputs.o}}",
            code=str(self._code),
            compute="cpu",
            inputs={"d": Input(type="uri_file", path="azureml:d1:1"), "lr": 0.1},
            outputs={"o": Output(type="uri_folder")},
            environment="azureml:env:1",
            environment_variables={"LOGS_A_METRIC": "yes"} if name == "unused" else {"A": "b"},
            experiment_name="exp1",
        )

    def _pipeline(self) -> Any:
        from azure.ai.ml import Input, Output, command, dsl

        def step(name: str, kind: str, output: str) -> Any:
            return command(
                name=name,
                command=f"python train.py ${{{{inputs.d}}}} ${{{{outputs.{output}}}}}",
                code=str(self._code),
                inputs={"d": Input(type=kind)},
                outputs={output: Output(type="uri_folder")},
                environment="azureml:env:1",
            )

        @dsl.pipeline(display_name="p", default_compute="cpu")
        def pipeline(d):  # type: ignore[no-untyped-def]  # what the SDK cannot read as the type of an input
            a = step("prep", "uri_file", "o")(d=d)
            b = step("train", "uri_folder", "m")(d=a.outputs.o)
            return {"m": b.outputs.m}

        return pipeline(d=Input(type="uri_file", path="azureml:d1:1"))
