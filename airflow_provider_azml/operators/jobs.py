"""Operators that submit jobs and wait for their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.operators.job_waiting import AzmlJobOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.operators.label_pins import LabelPins, Labels
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target


class AzmlSubmitJobOperator(AzmlJobOperator):
    """Submits a job of any type and waits for its end; never twice, whatever happens to worker or triggerer.

    A retry looks for the job that an earlier try submitted: it attaches to one that is active, takes the result of one
    that is completed, and submits anew when it failed or was canceled. A clear of the task submits anew. How it waits,
    and what ends that early, the arguments of :class:`~airflow_provider_azml.operators.job_waiting.AzmlJobOperator`
    say.

    Args:
        file: Job YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: The job's name; by default one is made from DAG, task and run.
        display_name: By default the task id.
        experiment_name: By default the DAG id, with `-` for what an experiment's name cannot hold.
        description: Free text.
        compute: Compute that runs it.
        inputs: Merged over the file's inputs.
        outputs: Merged over the file's outputs.
        identity: Who the job runs as.
        tags: Merged over the file's tags.
        properties: Merged over the file's properties.
        wait: Whether to wait for the job's end.

    Returns:
        ``{"name", "id", "status", "studio_url", "experiment_name", "outputs", "metrics"}``; ``outputs`` has the azureml
        URI of each output by its name, ``metrics`` the last value of each metric by its name.

    Raises:
        RunFailed: The job failed or was canceled; with the service's reason and the end of its log.
        WaitTimeout: Its time was up; it says what the job waited for, and whether it was cancelled.

    Example:
        >>> AzmlSubmitJobOperator(task_id="train", file="train.yml", inputs={"learning_rate": 0.1})

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
    """

    template_fields: Sequence[str] = (*AzmlJobOperator.template_fields, "wait")
    kind = "job"
    job_type: ClassVar[str | None] = None
    """The one ``type`` that a file may have, and has when it does not say."""

    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "display_name",
        "experiment_name",
        "description",
        "compute",
        "inputs",
        "outputs",
        "identity",
        "tags",
        "properties",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        display_name: str | None = None,
        experiment_name: str | None = None,
        description: str | None = None,
        compute: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        wait: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait = wait
        self.keep(locals())

    def source(self, context: Context) -> Source:
        """The job, of the operator's type.

        Raises:
            SpecError: It is of another type.
        """
        job = super().source(context)
        found = job.value.get("type", self.job_type)
        if self.job_type is None or found == self.job_type:
            return job if self.job_type is None else job.merged({"type": self.job_type})
        reason = f"is {found!r}, and {type(self).__name__} submits {self.job_type!r}; AzmlSubmitJobOperator takes all"
        raise SpecError([job.problem(("type",), reason)])


class AzmlSubmitCommandJobOperator(AzmlSubmitJobOperator):
    """Submits a command job and waits for its end; never twice, whatever happens to worker or triggerer.

    Everything that :class:`AzmlSubmitJobOperator` takes and promises, and a command job's own keys.

    Args:
        command: What runs, with ``${{inputs.x}}`` and ``${{outputs.x}}``.
        code: Folder that is uploaded, relative to the DAG file (in a file: to that file).
        environment: ``azureml:name:version``, ``azureml:name@latest``, or a mapping that describes one.
        environment_variables: Environment variables of the command.
        resources: ``instance_count``, ``instance_type``, ``shm_size``...
        distribution: How processes are spread over nodes.
        limits: ``timeout`` in seconds.
        queue_settings: ``job_tier`` and ``priority``.
        services: Interactive services.

    Example:
        >>> AzmlSubmitCommandJobOperator(
        ...     task_id="train",
        ...     command="python train.py --data ${{inputs.data}} --model ${{outputs.model}}",
        ...     code="src",
        ...     environment="azureml:sklearn@latest",
        ...     compute="azureml:cpu-cluster",
        ...     inputs={"data": {"type": "uri_file", "path": "azureml:iris:1"}},
        ...     outputs={"model": {"type": "custom_model"}},
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
    """

    job_type = "command"
    spec_fields: ClassVar[Sequence[str]] = (
        "command",
        "code",
        "environment",
        "environment_variables",
        "resources",
        "distribution",
        "limits",
        "queue_settings",
        "services",
    )
    attributes: ClassVar[Mapping[str, str]] = {"resources": "job_resources"}  # BaseOperator has resources of its own

    def __init__(
        self,
        *,
        command: str | None = None,
        code: str | None = None,
        environment: str | Mapping[str, Any] | None = None,
        environment_variables: Mapping[str, Any] | None = None,
        resources: dict[str, Any] | None = None,
        distribution: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        queue_settings: Mapping[str, Any] | None = None,
        services: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())


class AzmlSubmitPipelineOperator(AzmlSubmitJobOperator):
    """Submits a pipeline as one job and waits for its end; never twice, whatever happens to worker or triggerer.

    Everything that :class:`AzmlSubmitJobOperator` takes and promises, and a pipeline's own keys. Azure ML runs the
    steps; components without a name are made, and code is uploaded, as the steps need it.

    Args:
        jobs: The steps by name.
        settings: ``default_compute``, ``default_datastore``, ``continue_on_step_failure``, ``force_rerun``...
        component: A pipeline component to run instead of steps: a file, or ``azureml:name:version``.
        params_as_inputs: Whether the DAG run's params of the names of inputs are the values of these, but for those
            that `inputs` says.
        labels: What labels such as ``@latest`` stand for, in the file and in all that it pulls in. ``run``: what was
            the newest when the DAG run began (the first of what had no version by then), for all tasks of the run and
            their retries. Or a mapping of labels to versions, e.g. ``{"environment sklearn@latest": "7"}``; those that
            are not in it are looked up as with ``run``. The task's log tells each.
        strict: Whether what azure-ai-ml sends and the service refuses is an error, instead of a warning in the task's
            log.

    Returns:
        As of any job, with ``labels`` (label -> version, of a job that this try has sent).

    Raises:
        RunFailed: The job failed or was canceled; with the service's reason and the end of its log.
        NotFound: There is no version that a label could stand for.

    Example:
        >>> AzmlSubmitPipelineOperator(task_id="train", file="pipeline.yml", inputs={"day": "{{ ds }}"})

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline
    """

    job_type = "pipeline"
    template_fields: Sequence[str] = (*AzmlSubmitJobOperator.template_fields, "labels")
    chooses_nodes: ClassVar[bool] = False
    """Whether a DAG run can choose among the nodes of the pipeline."""

    submitted_by: str = ""
    """Id of the task that has submitted the job, where this one has not."""

    spec_fields: ClassVar[Sequence[str]] = ("jobs", "settings", "component")

    def __init__(
        self,
        *,
        jobs: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        component: str | Mapping[str, Any] | None = None,
        params_as_inputs: bool = False,
        labels: Labels = "run",
        strict: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.strict = strict
        self.params_as_inputs = params_as_inputs
        self.labels = labels
        self._pins: LabelPins | None = None
        self.keep(locals())

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what labels stand for, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        if self.labels != "run" and not isinstance(self.labels, Mapping):
            raise refused("labels", f"is {self.labels!r:.80}; it must be 'run', or a mapping of labels to versions")

    def source(self, context: Context) -> Source:
        """The pipeline, with the inputs of this run.

        Raises:
            SpecError: It is no pipeline, or a param is no value that its input can have.
        """
        job = super().source(context)
        if not self.params_as_inputs:
            return job
        from airflow_provider_azml.spec.pipeline_inputs import declared, given

        params, said = context["params"], vars(self).get("inputs") or {}
        if not self.chooses_nodes:
            self._refuse_choices(params)
        return given(job, {name: params[name] for name in declared(job) if name in params and name not in said})

    @staticmethod
    def _refuse_choices(params: Mapping[str, Any]) -> None:
        """Refuse to run all nodes where a run asks for some.

        Raises:
            SpecError: It does.
        """
        from airflow_provider_azml.spec.node_selection import FORCE_RERUN, ONLY, SKIP, listed

        asked = [name for name in (ONLY, SKIP, FORCE_RERUN) if listed(params.get(name))]
        reason = "is given, but Azure ML runs all nodes here, as one job; make the DAG with render='tasks'"
        if asked:
            raise SpecError([Problem("<params>", 0, 0, name, reason) for name in asked])

    def finish(self, context: Context, result: object) -> None:
        """Tell the task's assets, if it has any, which versions of them its nodes have made."""
        from airflow_provider_azml.operators.asset_events import outlets, tell_pipeline_assets

        if not isinstance(result, dict) or not outlets(context):
            return
        try:
            source = self.source(context)
        except SpecError as error:  # the file is another one than when the job was submitted, which went well
            self.log.warning("The file has changed, so that events of assets do not tell versions: %s", error)
        else:
            self.hook.run(tell_pipeline_assets(self.hook.workspace_id, context, result, source))

    def submission(self, kind: str, source: Source, context: Context) -> Flow[Ticket]:
        """What submits it, once, with its labels pinned."""
        from airflow_provider_azml.operators.label_pins import LabelPins

        pins = self._pins = LabelPins(self.labels, context, self.log)
        ticket = yield from super().submission(kind, source, context)
        pins.attached(source, self.hook.target)
        return ticket

    def send(self, source: Source, target: Target) -> Flow[Ticket]:
        """Submit the job that a checked source describes."""
        send = super().send
        return self._pins.sending(source, target, send) if self._pins else send(source, target)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Turn what was made into the task's result, or into an error that says why it was not."""
        return self._with_labels(context, super().advance(context, outcome))

    def _begun(self, context: Context, ticket: Ticket) -> Ticket | Json:
        return self._with_labels(context, super()._begun(context, ticket))

    def _with_labels(self, context: Context, step: Ticket | Json) -> Ticket | Json:
        from airflow_provider_azml.operators.label_pins import told_by

        return {**step, "labels": told_by(context, self.submitted_by)} if isinstance(step, dict) else step


class AzmlRunJobAgainOperator(AzmlSubmitJobOperator):
    """Runs a pipeline job that ran before once more, as a schedule with ``create_job: azureml:<job>`` does.

    Everything that :class:`AzmlSubmitJobOperator` takes and promises, but ``file`` and ``spec``. What is not given is
    as it was.

    Args:
        job: Name of the job that ran.
        settings: Settings that are to be otherwise.

    Example:
        >>> AzmlRunJobAgainOperator(task_id="train", job="brave_moon_1234", inputs={"day": "{{ ds }}"})

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job
    """

    job_type = "pipeline"
    template_fields: Sequence[str] = (*AzmlSubmitJobOperator.template_fields, "job")
    spec_fields: ClassVar[Sequence[str]] = ("settings",)

    def __init__(self, *, job: str, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.keep(locals())

    def checked(self, source: Source) -> str:
        """The kind of what is to be otherwise, once that has no problems.

        Raises:
            SpecError: It has problems, or there is no job to run again.
        """
        from airflow_provider_azml.spec import job_io

        problems = list(job_io.problems(source))
        if not self.job:
            problems.append(source.problem(("job",), "is empty; name the job that is to run again"))
        if problems:
            raise SpecError(problems)
        return "job"

    def send(self, source: Source, target: Target) -> Flow[Ticket]:
        """Submit the job that ran, with what is to be otherwise."""
        from airflow_provider_azml.spec import scheduled_jobs

        return scheduled_jobs.run_again(source, self.job.removeprefix("azureml:"), target)
