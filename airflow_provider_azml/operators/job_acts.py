"""Operators that cancel jobs, and fetch what jobs and models consist of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlCancelJobOperator(AzmlOperator):
    """Cancels a job, and waits until it has ended; one that has ended already is left alone.

    Args:
        job_name: Name of the job.

    Returns:
        ``{"name", "id", "status", "studio_url"}``; ``status`` is how the job ended, which may be ``Completed``.

    Raises:
        NotFound: There is no such job.

    Example:
        >>> AzmlCancelJobOperator(task_id="cancel", job_name="{{ ti.xcom_pull('submit')['name'] }}")

    Source: ``POST jobs/{id}/cancel`` of the service's OpenAPI file.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "job_name")
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name

    def submit(self, context: Context) -> Ticket:
        """Ask for it, unless the job has ended."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket, ended

        arm_id = self.hook.workspace_id.child("job", self.job_name)
        self._show(context, "job", self.job_name)
        found = Ticket(arm_id, None, self.hook.run(flows.get(arm_id)))
        if ended(found) is None:
            self.hook.run(flows.act(arm_id, "cancel"))
        return Ticket(arm_id) if ended(found) is None else found

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """How the job ended."""
        self.log.info("Job %s is %s", self.job_name, outcome.status)
        return {
            "name": self.job_name,
            "id": outcome.arm_id,
            "status": outcome.status,
            "studio_url": self._show(context, "job", self.job_name),
        }


class AzmlDownloadJobOutputsOperator(AzmlOperator):
    """Fetches what a job has written into a folder that the worker sees.

    Args:
        job_name: Name of the job.
        target: The folder. Each output goes into ``named-outputs/<output>`` in it, logs and other files into
            ``artifacts``, as ``az ml job download --all`` puts them.
        output_name: One output alone; ``artifacts`` for the logs and other files.

    Returns:
        ``{"name", "outputs": {output: {"path", "files", "bytes"}}}``; ``path`` is the folder of the output.

    Raises:
        NotFound: There is no such job or output, or the output has no files.

    Example:
        >>> AzmlDownloadJobOutputsOperator(
        ...     task_id="fetch", job_name="{{ ti.xcom_pull('train')['name'] }}", output_name="model", target="/data"
        ... )

    Source: azure-ai-ml 1.35.2, ``jobs.download``.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "job_name", "target", "output_name")
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(self, *, job_name: str, target: str, output_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.target = target
        self.output_name = output_name

    def submit(self, context: Context) -> Json:
        """Fetch it; there is nothing to wait for."""
        from pathlib import Path

        from airflow_provider_azml.rest.job_files import download, folder_of

        hook, target = self.hook, Path(self.target)
        self._show(context, "job", self.job_name)
        output = None if self.output_name in (None, "", "None") else self.output_name
        fetched = hook.run(download(hook.workspace_id, hook.cloud, self.job_name, target, output=output))
        told = {
            name: {"path": str(target / folder_of(name)), "files": made.files, "bytes": made.size}
            for name, made in fetched.items()
        }
        return {"name": self.job_name, "outputs": told}


class AzmlDownloadModelOperator(AzmlOperator):
    """Fetches the files of a model into a folder that the worker sees.

    Args:
        name: Name of the model.
        target: The folder; the files go into ``<target>/<name>``.
        version: The version; by default the newest.

    Returns:
        ``{"name", "version", "path", "files", "bytes"}``.

    Raises:
        NotFound: There is no such model or version, or it has no files.

    Example:
        >>> AzmlDownloadModelOperator(task_id="fetch", name="iris", version="3", target="/data/models")

    Source: azure-ai-ml 1.35.2, ``models.download``.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name", "target", "version")
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(self, *, name: str, target: str, version: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.target = target
        self.version = version

    def submit(self, context: Context) -> Json:
        """Fetch it; there is nothing to wait for."""
        from pathlib import Path

        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.job_files import fetch, of_model

        hook = self.hook
        asked = None if self.version in (None, "", "None") else str(self.version)
        body = hook.get("model", self.name, version=asked)
        version = parse(body["id"]).version
        self._show(context, "model", self.name, version)
        target = Path(self.target) / self.name
        fetched = hook.run(fetch(hook.workspace_id, hook.cloud, hook.run(of_model(body)), target))
        return {
            "name": self.name,
            "version": version,
            "path": str(target),
            "files": fetched.files,
            "bytes": fetched.size,
        }
