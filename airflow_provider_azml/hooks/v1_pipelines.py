"""The published pipelines of v1 and their schedules, blocking: a part of ``AzmlHook.v1``."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.v1 import pipeline_schedules, pipelines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.hooks.azml import AzmlHook
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.v1.pipeline_schedules import PipelineSchedule

T = TypeVar("T")


class PublishedPipelines:
    """Published pipelines and their schedules, by the ids that the service gave them.

    Args:
        hook: The hook whose workspace they are in.
    """

    def __init__(self, hook: AzmlHook) -> None:
        self._hook = hook

    @cached_property
    def place(self) -> DataPlane:
        """The workspace's data plane, for flows of ``rest.v1``; its URL is asked for once."""
        return DataPlane(self._hook.workspace_id)

    def publish_pipeline(self, file: str | Path, name: str, *, version: str | None = None) -> Json:
        """Publish a pipeline file of CLI v1, as ``az ml pipeline create`` did; today that is a pipeline component.

        Args:
            file: The pipeline file.
            name: Name of the component.
            version: Its version; by default the next one.

        Returns:
            The component as Resource Manager shows it.

        Raises:
            SpecError: The file is wrong, or says what v2 cannot say; with all problems of all its files at once.

        Example:
            >>> hook.v1.publish_pipeline("mypipeline.yml", "mypipeline")["name"]
            '1'
        """
        from airflow_provider_azml.spec import kinds
        from airflow_provider_azml.spec.source import as_written
        from airflow_provider_azml.spec.v1 import formats, published

        made = published.component(as_written(Path(file)), name, version=version)
        return self._run(kinds.apply(formats.source_of(made), made.kind, self._hook.target)).body

    def published_pipelines(self, *, active_only: bool = True) -> Sequence[Json]:
        """The published pipelines."""
        return self._run(pipelines.published(self.place, active_only=active_only))

    def submit_pipeline(self, pipeline_id: str, experiment: str, parameters: Mapping[str, object] | None = None) -> str:
        """Run a published pipeline, and answer the run's id."""
        return self._run(pipelines.submit(self.place, pipeline_id, experiment, parameters))

    def create_schedule(
        self,
        name: str,
        pipeline_id: str,
        experiment: str,
        *,
        file: str | Path | None = None,
        recurrence: Json | None = None,
        datastore: Json | None = None,
        parameters: Mapping[str, object] | None = None,
        description: str | None = None,
        continue_on_step_failure: bool | None = None,
    ) -> Json:
        """Create a schedule of a published pipeline.

        Args:
            name: Its name; several may have the same.
            pipeline_id: Id of the published pipeline.
            experiment: Name of the experiment of its runs.
            file: Schedule file of CLI v1, which says the rest; what is given here wins over it.
            recurrence: ``Frequency``, ``Interval``, ``StartTime``, ``TimeZone``, ``Schedule``.
            datastore: ``DataStoreName``, ``PollingInterval`` (minutes), ``PathOnDataStore``, instead.
            parameters: Values of the pipeline's parameters.
            description: Free text, of its runs.
            continue_on_step_failure: Whether steps that do not need the failed one run on.

        Returns:
            The schedule; ``Id`` names it from then on. A file that is wrong is a ``SpecError``.
        """
        if file is not None:
            said = _said(Path(file))
            if recurrence is None and datastore is None:
                recurrence, datastore = said.recurrence, said.datastore
            parameters = {**said.parameters, **(parameters or {})}
            description = said.description if description is None else description
            if continue_on_step_failure is None:
                continue_on_step_failure = said.continue_on_step_failure
        body = pipeline_schedules.described(
            name,
            pipeline_id,
            experiment,
            recurrence=recurrence,
            datastore=datastore,
            parameters=parameters,
            description=description,
            continue_on_step_failure=continue_on_step_failure,
        )
        return self._run(pipeline_schedules.create(self.place, body))

    def schedules(self, pipeline_id: str | None = None, *, active_only: bool = True) -> Sequence[Json]:
        """The schedules of the workspace, or of a published pipeline."""
        return self._run(pipeline_schedules.each(self.place, pipeline=pipeline_id, active_only=active_only))

    def schedule(self, schedule_id: str) -> Json:
        """A schedule of a published pipeline, by its id."""
        return self._run(pipeline_schedules.get(self.place, schedule_id))

    def set_schedule(self, schedule_id: str, *, enabled: bool) -> Json:
        """Enable or disable a schedule of a published pipeline."""
        status = pipeline_schedules.ACTIVE if enabled else pipeline_schedules.DISABLED
        return self._run(pipeline_schedules.set_status(self.place, schedule_id, status))

    def schedule_runs(self, schedule_id: str) -> Sequence[Json]:
        """The runs that a schedule has started."""
        return self._run(pipeline_schedules.runs(self.place, schedule_id))

    def _run(self, flow: Flow[T]) -> T:
        return self._hook.run(flow)


def _said(file: Path) -> PipelineSchedule:
    from airflow_provider_azml.spec.source import as_written
    from airflow_provider_azml.spec.v1.pipeline_schedules import read

    return read(as_written(file))
