"""Operators that take run configurations and HyperDrive configurations of CLI v1."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.jobs import AzmlSubmitJobOperator
from airflow_provider_azml.operators.rendering import renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airflow.sdk import Context

    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.translation import Translation

Generation: TypeAlias = Literal["v2"]
GENERATIONS: tuple[Generation, ...] = ("v2",)


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

    def given(self, context: Context) -> Source:
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
        from airflow_provider_azml.spec import plain_values
        from airflow_provider_azml.spec.opened import Opened
        from airflow_provider_azml.spec.source import MAPPING, Source, as_written

        render = renderer(self.get_template_env(), context)
        if isinstance(given, Mapping):
            opened, copied = Opened(follow_symlinks=self.follow_symlinks), plain_values.copied(given, MAPPING)
            return Source(copied, self.project.absolute(), render=render, opened=opened)
        return as_written(self._found(given, find), render=render, follow_symlinks=self.follow_symlinks)

    def _found(self, name: str, find: Callable[[Path, str], Path]) -> Path:
        """The file of a name, in the folder of the project or else in that of the code."""
        if (self.project / name).is_file():
            return self.project / name
        try:
            return find(self.project, name)
        except SpecError:
            if self.code is None:
                raise
            return find(self.code, name)


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
        generation: ``v2``: as a job of today.

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

    def __init__(self, *, generation: Generation = "v2", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generation = generation

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what runs, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of

        super().check_arguments()
        self.generation = one_of("generation", self.generation, GENERATIONS)

    def translation(self, context: Context) -> Translation:
        """The job that the run configuration becomes.

        Raises:
            SpecError: It cannot be read, is not valid, or says what v2 cannot say.
        """
        from airflow_provider_azml.spec.v1.script_runs import command_job

        runconfig = self.run_configuration(context)
        return command_job(runconfig, script=self.script, arguments=self.arguments, source_directory=self.code)


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
