"""Operators that take run configurations and HyperDrive configurations of CLI v1."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.arguments import GENERATIONS, Generation
from airflow_provider_azml.operators.jobs import AzmlSubmitJobOperator
from airflow_provider_azml.operators.v1_files import as_written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.rest.v1.project_archives import ProjectArchive
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.run_definitions import RunDefinition
    from airflow_provider_azml.spec.v1.translation import Translation

_OF_TODAY = ("name", "inputs", "outputs", "identity")
"""Arguments that runs of v1 have nothing for."""


class AzmlScriptRunOperator(AzmlSubmitJobOperator):
    """Base of operators that run a script as a run configuration of CLI v1 says.

    Args:
        runconfig: Run configuration: a file, relative to the DAG file; or a name, as ``az ml run submit-script -c``
            takes it, of a file in ``.azureml``, ``aml_config`` or beside the DAG file; or its content as a mapping.
        script: The script, relative to the folder of the code; by default what the run configuration says.
        arguments: Arguments of the script, in the place of those of the run configuration.
        source_directory: Folder of the code, relative to the DAG file; by default that of the project: the folder of
            the run configuration, or the one around it if that is ``.azureml`` or ``aml_config``.
    """

    template_fields: Sequence[str] = (
        *AzmlSubmitJobOperator.template_fields,
        "runconfig",
        "script",
        "arguments",
        "source_directory",
    )

    files_of_v1: ClassVar[Sequence[str]] = ("runconfig",)
    """Arguments that are files of CLI v1, or their content."""

    def __init__(
        self,
        *,
        runconfig: str | Mapping[str, Any],
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        source_directory: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.runconfig = runconfig
        self.script = script
        self.arguments = arguments
        self.source_directory = source_directory

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what runs, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        for name in ("file", "spec"):
            if getattr(self, name) is not None:
                raise refused(name, "is for files of CLI v2; give runconfig alone")
        if self.arguments is not None and not isinstance(self.arguments, (list, tuple)):
            raise refused("arguments", f"is {self.arguments!r:.80}; it must be a list")
        for name in self.files_of_v1:
            given = getattr(self, name)
            if not isinstance(given, (str, Mapping)) or not given:
                raise refused(name, f"is {given!r:.80}; it must be a file, a name, or a mapping")

    def content(self, context: Context) -> Source:
        """The job that the files of CLI v1 become.

        Raises:
            SpecError: They cannot be read, are not valid, or say what v2 cannot say.
        """
        from airflow_provider_azml.spec.v1 import formats

        return formats.source_of(self.translation(context))

    @abstractmethod
    def translation(self, context: Context) -> Translation:
        """What the files of CLI v1 become."""

    @property
    def project(self) -> Path:
        """Where files are looked for: the folder of the DAG file, or `base_path` in it."""
        return self.folder / (self.base_path or "")

    @property
    def code(self) -> Path | None:
        """Folder of the code; ``None`` for that of the project."""
        return None if self.source_directory is None else self.folder / self.source_directory

    def run_configuration(self, context: Context) -> Source:
        """The run configuration, its text rendered by Jinja."""
        from airflow_provider_azml.spec.v1.runconfigs import find_runconfig

        return self.written(context, self.runconfig, find_runconfig)

    def written(self, context: Context, given: str | Mapping[str, Any], find: Callable[[Path, str], Path]) -> Source:
        """A file of CLI v1 as it is written, or its content as a mapping.

        Args:
            context: Context of the task.
            given: The file, its name, or its content.
            find: Finds the file of a name in a folder.

        Raises:
            SpecError: It cannot be found or read.
        """
        return as_written(self, context, given if isinstance(given, Mapping) else str(self._found(given, find)))

    def _found(self, name: str, find: Callable[[Path, str], Path]) -> Path:
        """The file of a name, in the folder of the project or else in that of the code."""
        project = self.project.absolute()
        if (project / name).is_file():
            return project / name
        try:
            return find(project, name)
        except SpecError:
            if self.code is None:
                raise
            return find(self.code.absolute(), name)


class AzmlSubmitScriptRunOperator(AzmlScriptRunOperator):
    """Runs a script as a run configuration of CLI v1 says, and waits for its end; never twice, whatever happens.

    What ``az ml run submit-script -c sklearn -e testexperiment train.py`` did, as a job of today: of type command, or
    Spark where the framework is PySpark. What v2 cannot say is refused by name before anything is sent, and choices
    that were made are in the task's log. Everything that :class:`AzmlSubmitJobOperator` takes and promises, but
    ``file`` and ``spec``; ``compute`` stands for ``--target``.

    Args:
        runconfig: Run configuration: a file, relative to the DAG file; or a name, as ``-c`` takes it, of a file in
            ``.azureml``, ``aml_config`` or beside the DAG file; or its content as a mapping.
        script: The script, relative to the folder of the code; by default what the run configuration says.
        arguments: Arguments of the script, in the place of those of the run configuration.
        source_directory: Folder of the code, relative to the DAG file; by default that of the project: the folder of
            the run configuration, or the one around it if that is ``.azureml`` or ``aml_config``.
        generation: ``v2``: as a job of today. ``v1``: as a run of the service of CLI v1, while that is there: the
            folder of the code, of 300 MB at most, is sent with the run configuration as it is written, and the run is
            found again, waited for, cancelled and told of as a job is. It takes neither `name`, `inputs`, `outputs` nor
            `identity`; its one output is ``default``.

    Example:
        >>> AzmlSubmitScriptRunOperator(
        ...     task_id="train",
        ...     runconfig="sklearn",
        ...     script="train.py",
        ...     arguments=["--day", "{{ ds }}"],
        ...     experiment_name="testexperiment",
        ... )

    Source: azureml-core 1.61, ``azureml._cli.run.run_commands.submit_run``, which is ``az ml run submit-script``.
    """

    template_fields: Sequence[str] = (*AzmlScriptRunOperator.template_fields, "generation")
    compute: str | None
    display_name: str | None
    experiment_name: str | None
    description: str | None
    tags: Mapping[str, str] | None
    properties: Mapping[str, str] | None

    def __init__(self, *, generation: Generation = "v2", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generation = generation

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what runs, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of, refused

        super().check_arguments()
        self.generation = one_of("generation", self.generation, GENERATIONS)
        for name in _OF_TODAY if self.generation == "v1" else ():
            if getattr(self, name) is not None:
                raise refused(name, "is of jobs of today, and runs of v1 have none; leave it out, or take v2")

    def translation(self, context: Context) -> Translation:
        """The job that the run configuration becomes.

        Raises:
            SpecError: It cannot be read, is not valid, or says what v2 cannot say.
        """
        from airflow_provider_azml.spec.v1.script_runs import command_job

        runconfig = self.run_configuration(context)
        return command_job(runconfig, script=self.script, arguments=self.arguments, source_directory=self.code)

    # -- as a run of v1 ------------------------------------------------------------------------------------------

    def submit(self, context: Context) -> Ticket | Json:
        """Submit the job or start the run, unless an earlier try has."""
        from airflow_provider_azml.rest.snapshot import take
        from airflow_provider_azml.rest.v1.project_archives import ProjectArchive

        if self.generation == "v2":
            return super().submit(context)
        made = self._run_definition(context)
        with ProjectArchive(take(made.code, follow_symlinks=self.follow_symlinks)) as project:
            return self._begun(context, self.hook.run(self._starting(context, made.configuration, project)))

    def awaited(self, context: Context) -> tuple[GoalName, Json]:
        """What is waited for: the end of the job, or of the run."""
        if self.generation == "v2":
            return super().awaited(context)
        return "run", {"experiment": self._experiment(context)}

    def result_of(self, context: Context, outcome: Outcome, studio_url: str) -> Flow[Json]:
        """The task's result, be it of a job or of a run."""
        if outcome.goal != "run":
            return super().result_of(context, outcome, studio_url)
        return self._told(context, outcome.arm_id, studio_url)

    def _begun(self, context: Context, ticket: Ticket) -> Ticket | Json:
        if self.wait or ticket.goal != "run":
            return super()._begun(context, ticket)
        return self.hook.run(self._told(context, ticket.arm_id, self._show_made(context, ticket.arm_id)))

    def _told(self, context: Context, arm_id: str, studio_url: str) -> Flow[Json]:
        from airflow_provider_azml.operators import v1_script_runs

        return v1_script_runs.told(self.hook.v1.place, self._experiment(context), arm_id, studio_url)

    def _run_definition(self, context: Context) -> RunDefinition:
        from airflow_provider_azml.spec.v1.run_definitions import run_definition

        return run_definition(
            self.run_configuration(context),
            script=self.script,
            arguments=self.arguments,
            source_directory=self.code,
            target=None if self.compute is None else self.compute.removeprefix("azureml:"),
        )

    def _starting(self, context: Context, configuration: Json, project: ProjectArchive) -> Flow[Ticket]:
        """What starts the run, once; only while the task is wanted."""
        from airflow_provider_azml.operators import submission, v1_script_runs
        from airflow_provider_azml.rest.v1 import runs

        said = v1_script_runs.Said(
            self.display_name or context["ti"].task_id, self.description, self.tags, self.properties
        )
        run = v1_script_runs.ScriptRun(
            self._experiment(context), runs.definition(configuration), project, said, self.tolerate_errors_seconds
        )
        terms = self.terms()
        owner = submission.ownership(context, terms)
        return v1_script_runs.submit(self.hook.v1.place, run, submission.job_name(context), owner, terms)

    def _experiment(self, context: Context) -> str:
        from airflow_provider_azml.operators.submission import experiment_name

        return self.experiment_name or experiment_name(context["ti"].dag_id)


class AzmlSubmitHyperDriveOperator(AzmlScriptRunOperator):
    """Tries values of a script's arguments as CLI v1 did, and waits for the end; never twice, whatever happens.

    What ``az ml run submit-hyperdrive -c sklearn --hyperdrive-configuration-name hdconfig.yml train.py`` did, as a
    sweep of today; the result has ``best_trial``, as that of :class:`AzmlSubmitSweepOperator`. Everything that
    :class:`AzmlSubmitJobOperator` takes and promises, but ``file`` and ``spec``.

    Args:
        hdconfig: HyperDrive configuration: a file, relative to the DAG file; or the name of one in a folder there; or
            its content as a mapping.
        runconfig: Run configuration, as of :class:`AzmlSubmitScriptRunOperator`.
        script: The script, relative to the folder of the code; by default what the run configuration says.
        arguments: Arguments of the script that stay the same, in the place of those of the run configuration.
        source_directory: Folder of the code, relative to the DAG file; by default that of the project.

    Example:
        >>> AzmlSubmitHyperDriveOperator(
        ...     task_id="tune", hdconfig="hdconfig.yml", runconfig="sklearn", script="train.py"
        ... )

    Source: azureml-core 1.61, ``azureml._cli.run.run_commands.submit_hyperdrive``, which is
    ``az ml run submit-hyperdrive``.
    """

    job_type: ClassVar[str | None] = "sweep"
    files_of_v1: ClassVar[Sequence[str]] = ("runconfig", "hdconfig")
    template_fields: Sequence[str] = (*AzmlScriptRunOperator.template_fields, "hdconfig")

    def __init__(self, *, hdconfig: str | Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hdconfig = hdconfig

    def translation(self, context: Context) -> Translation:
        """The sweep that the HyperDrive configuration and the run configuration become.

        Raises:
            SpecError: They cannot be read, are not valid, or say what v2 cannot say.
        """
        from airflow_provider_azml.spec.v1.hyperdrive import find_hdconfig, sweep_job

        return sweep_job(
            self.written(context, self.hdconfig, find_hdconfig),
            self.run_configuration(context),
            script=self.script,
            arguments=self.arguments,
            source_directory=self.code,
        )
