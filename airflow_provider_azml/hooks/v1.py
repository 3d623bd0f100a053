"""``AzmlHook.v1``: the data plane of CLI and SDK v1, blocking."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.hooks.v1_pipelines import PublishedPipelines
from airflow_provider_azml.rest import snapshot, waiting
from airflow_provider_azml.rest.v1 import (
    artifacts,
    datastores,
    hyperdrive,
    models,
    runs,
    scoring,
    services,
    tickets,
)
from airflow_provider_azml.rest.v1.project_archives import ProjectArchive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.v1.services import Operation
    from airflow_provider_azml.rest.waiting import Outcome, Ticket

_POLL_SECONDS = 2.0


class V1DataPlane(PublishedPipelines):
    """What CLI and SDK v1 spoke to: runs, models, web services, tuning, artifacts, datastores, published pipelines.

    Microsoft supports neither any more; what they have made goes on working, and this speaks to it. Every method raises
    ``ApiError`` (``NotFound``, ``Conflict``, ``Throttled``, ``AuthError``) for what the service refuses.

    Example:
        >>> v1 = AzmlHook("azml_default").v1
        >>> run_id = v1.start_run("iris", {"script": "train.py", "target": "cpu"}, "src")
        >>> v1.wait_for_run("iris", run_id)["status"]
        'Completed'

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-rest and the OpenAPI files of 2019-09-30.
    """

    # -- experiments and runs ------------------------------------------------------------------------------------

    def experiments(self) -> Sequence[Json]:
        """The experiments of the workspace."""
        return self._run(runs.experiments(self.place))

    def experiment(self, name: str) -> Json:
        """An experiment; one that is not there is made."""
        return self._run(runs.experiment(self.place, name))

    def runs(
        self,
        experiment: str,
        *,
        filter: str | None = None,  # noqa: A002 (the service's own word)
        order_by: str | None = None,
        most: int | None = None,
    ) -> Sequence[Json]:
        """The runs of an experiment.

        Args:
            experiment: Its name.
            filter: Which are wanted, as OData says it, e.g. ``status eq 'Completed'``.
            order_by: Their order, e.g. ``startTimeUtc desc``.
            most: How many are wanted.
        """
        return self._run(runs.listed(self.place, experiment, filter=filter, order_by=order_by, most=most))

    def run(self, run_id: str) -> Json:
        """A run: ``status``, ``properties``, ``tags``..."""
        return self._run(runs.get(self.place, run_id))

    def run_details(self, run_id: str) -> Json:
        """What run history tells of a run besides: ``error``, ``warnings``, ``logFiles``, ``runDefinition``."""
        return self._run(runs.details(self.place, run_id))

    def run_metrics(self, experiment: str, run_id: str) -> Mapping[str, Sequence[Json]]:
        """All that a run logged: metric -> its rows."""
        return self._run(runs.metrics(self.place, experiment, run_id))

    def run_children(self, run_id: str) -> Sequence[Json]:
        """The runs right below a run."""
        return self._run(runs.children(self.place, run_id))

    def start_run(
        self,
        experiment: str,
        configuration: Json,
        source_directory: str | Path,
        *,
        run_id: str | None = None,
        parent_run_id: str | None = None,
    ) -> str:
        """Start a run of a folder, without what its ``.amlignore`` or ``.gitignore`` leaves out.

        Args:
            experiment: Name of the experiment; one that is not there is made.
            configuration: The run configuration, with the keys of a ``.runconfig`` file.
            source_directory: The folder, of 300 MB at most.
            run_id: Id of the run; by default the service makes one.
            parent_run_id: The run that it belongs to.

        Returns:
            The run's id.

        Raises:
            SpecError: The folder cannot be sent.
            Conflict: There is a run of that id.
        """
        definition = runs.definition(configuration, parent_run_id=parent_run_id)
        with ProjectArchive(snapshot.take(Path(source_directory))) as archive:
            return self._run(runs.start(self.place, experiment, definition, archive, run_id=run_id))

    def amend_run(
        self,
        experiment: str,
        run_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        display_name: str | None = None,
        description: str | None = None,
    ) -> Json:
        """Add to what is said of a run. Tags may change; a property that is there stays as it is."""
        return self._run(
            runs.amend(
                self.place,
                experiment,
                run_id,
                tags=tags,
                properties=properties,
                display_name=display_name,
                description=description,
            )
        )

    def cancel_run(self, experiment: str, run_id: str) -> None:
        """Cancel a run."""
        self._run(runs.cancel(self.place, experiment, run_id))

    def wait_for_run(self, experiment: str, run_id: str) -> Json:
        """Wait for the end of a run and return the run.

        Raises:
            RunFailed: It failed or was canceled.
        """
        return self._settled(tickets.run(self._hook.workspace_id, experiment, run_id)).body

    # -- hyperparameter tuning -----------------------------------------------------------------------------------

    def tune(self, experiment: str, config: Json, *, run_id: str | None = None) -> Json:
        """Begin a sweep; ``platform_config`` of the answer has its run's id as ``ParentRunId``.

        Args:
            experiment: Name of the experiment.
            config: What hyperdrive takes; see :func:`~airflow_provider_azml.rest.v1.hyperdrive.create`.
            run_id: Id of its run; by default the service makes one.
        """
        return self._run(hyperdrive.create(self.place, experiment, config, run_id=run_id))

    def cancel_tuning(self, experiment: str, run_id: str) -> None:
        """Cancel a sweep."""
        self._run(hyperdrive.cancel(self.place, experiment, run_id))

    # -- models --------------------------------------------------------------------------------------------------

    def models(self, params: Mapping[str, str] | None = None) -> Sequence[Json]:
        """The models of the workspace.

        Args:
            params: Which are wanted: ``name``, ``framework``, ``tags``, ``properties``, ``runId``...
        """
        return self._run(models.each(self.place, params=params))

    def model(self, model_id: str) -> Json | None:
        """A model, by ``name:version``; ``None`` if there is none."""
        return self._run(models.find(self.place, model_id))

    def register_model(
        self,
        name: str,
        path: str | Path | None = None,
        *,
        run_id: str | None = None,
        asset_path: str | None = None,
        experiment: str | None = None,
        about: Mapping[str, object] | None = None,
    ) -> Json:
        """Register the next version of a model: of local files, or of what a run has left.

        Args:
            name: Name of the model.
            path: Local file or folder.
            run_id: Id of a run, instead.
            asset_path: File or folder among its artifacts.
            experiment: Name of its experiment.
            about: What is said of the model besides: ``description``, ``kvTags``, ``properties``, ``framework``...

        Returns:
            The model; ``id`` is ``name:version``.

        Raises:
            ValueError: Neither files nor a run are named, or both.
            NotFound: There is no such run, or it has left nothing there.
        """
        if path is not None and run_id is None:
            return self._run(models.register_files(self.place, name, snapshot.take(Path(path)), about=about))
        if path is None and run_id is not None and asset_path:
            return self._run(
                models.register_from_run(self.place, name, run_id, asset_path, experiment=experiment, about=about)
            )
        raise ValueError("a model is registered from path, or from run_id and asset_path")

    def update_model(self, model_id: str, patch: Sequence[Json]) -> Json:
        """Change a model by a JSON Patch."""
        return self._run(models.update(self.place, model_id, patch))

    def delete_model(self, model_id: str) -> None:
        """Delete a model; one that is gone already is as good as deleted."""
        self._run(models.delete(self.place, model_id))

    # -- web services --------------------------------------------------------------------------------------------

    def services(self, params: Mapping[str, str] | None = None) -> Sequence[Json]:
        """The web services of the workspace.

        Args:
            params: Which are wanted: ``name``, ``computeType``, ``modelId``, ``modelName``, ``tags``, ``properties``.
        """
        return self._run(services.each(self.place, params=params))

    def service(self, name: str) -> Json:
        """A web service: ``state``, ``error``, ``scoringUri``..."""
        return self._run(services.get(self.place, name))

    def deploy_service(
        self, request: Json, *, wait: bool = True, unschedulable_seconds: float | None = None
    ) -> Json | None:
        """Make a web service, and wait until it is healthy unless told otherwise.

        Args:
            request: ``name``, ``computeType``, ``environmentImageRequest``...
            wait: Whether to wait.
            unschedulable_seconds: How long it may lack a place to run, in seconds.

        Returns:
            The service; without waiting what there is of it so far.

        Raises:
            RunFailed: It failed, or had no place to run for too long.
        """
        begun = self._run(services.create(self.place, request))
        return self._healthy(str(request["name"]), begun, wait=wait, unschedulable_seconds=unschedulable_seconds)

    def update_service(self, name: str, patch: Sequence[Json], *, wait: bool = True) -> Json | None:
        """Change a web service by a JSON Patch, and wait until it is healthy unless told otherwise."""
        return self._healthy(name, self._run(services.update(self.place, name, patch)), wait=wait)

    def delete_service(self, name: str, *, wait: bool = True) -> None:
        """Delete a web service; one that is gone already is as good as deleted."""
        begun = self._run(services.delete(self.place, name))
        if wait and begun.id:
            self._settled(tickets.web_service_gone(self._hook.workspace_id, name, operation=begun.id))

    def service_keys(self, name: str) -> Json:
        """The keys of a web service: ``primaryKey`` and ``secondaryKey``."""
        return self._run(services.keys(self.place, name))

    def regenerate_service_key(
        self, name: str, which: Literal["Primary", "Secondary"], value: str | None = None
    ) -> Json:
        """Make a key of a web service anew, and answer both."""
        return self._run(services.regenerate_key(self.place, name, which, value))

    def service_token(self, name: str) -> Json:
        """A token for a web service: ``accessToken``, ``expiryOn``, ``refreshAfter``."""
        return self._run(services.token(self.place, name))

    def service_logs(self, name: str, *, lines: int = 5000, init: bool = False) -> str:
        """What a web service's containers have written."""
        return self._run(services.log(self.place, name, lines=lines, init=init))

    def score(self, name: str, payload: object) -> object:
        """Send a payload to a web service, with the key or token that it asks for, and return its answer."""
        return self._run(scoring.score(self.place, name, payload))

    # -- artifacts and datastores --------------------------------------------------------------------------------

    def artifacts(self, run_id: str, path: str | None = None) -> Sequence[Json]:
        """The artifacts of a run, or those below a path."""
        container = self.run(run_id).get("dataContainerId") or artifacts.container_of(run_id)
        return self._run(artifacts.each(self.place, artifacts.OF_RUNS, str(container), path))

    def datastores(self) -> Sequence[Json]:
        """The datastores of the workspace, without their secrets."""
        return self._run(datastores.each(self.place))

    def datastore(self, name: str | None = None) -> Json:
        """A datastore; without a name the default one."""
        return self._run(datastores.get(self.place, name) if name else datastores.default(self.place))

    # -- the first preview of today's interface ------------------------------------------------------------------

    def put_preview(
        self, kind: str, name: str, body: str | Path | Mapping[str, object], *, version: str | None = None
    ) -> Json:
        """Put what a body of api-version 2021-03-01-preview describes, in the words of today's interface.

        Args:
            kind: What it is: ``code``, ``data``, ``datastore``, ``environment``, ``job`` or ``model``.
            name: Its name, which stood in the URL.
            body: The body, with ``properties``, or the path of a file that has it.
            version: Its version, where it has versions; by default the next one.

        Returns:
            The resource as today's interface shows it.

        Raises:
            SpecError: The body is wrong, or says what has no equal today; nothing was sent.

        Example:
            >>> hook.v1.put_preview("job", "train-7", "job.json")["properties"]["status"]
            'NotStarted'
        """
        from airflow_provider_azml.spec.source import as_written
        from airflow_provider_azml.spec.v1 import preview_2021_puts

        given = as_written(Path(body)) if isinstance(body, (str, Path)) else dict(body)
        return self._run(preview_2021_puts.put(kind, name, version, given, self._hook.target)).body

    # ------------------------------------------------------------------------------------------------------------

    def _healthy(
        self, name: str, begun: Operation, *, wait: bool, unschedulable_seconds: float | None = None
    ) -> Json | None:
        if not wait:
            return self._run(services.find(self.place, name))
        ticket = tickets.web_service(
            self._hook.workspace_id, name, operation=begun.id, unschedulable_seconds=unschedulable_seconds
        )
        self._settled(ticket)
        return self.service(name)

    def _settled(self, ticket: Ticket) -> Outcome:
        outcome = self._run(waiting.settle(ticket, poll_seconds=_POLL_SECONDS))
        if not outcome.succeeded:
            raise outcome.failure()
        return outcome
