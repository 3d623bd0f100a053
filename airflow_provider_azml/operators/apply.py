"""The operator for AML files of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.operators.job_waiting import AzmlJobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.spec.source import Source


class AzmlApplyOperator(AzmlJobOperator):
    """Creates or updates what an AML file describes, as ``az ml <kind> create --file`` does; a job is waited for.

    A retry takes up what an earlier try began: it attaches to a job that is active, takes the result of one that is
    completed, and never makes a second version of an asset that names none. How a job is waited for, the arguments of
    :class:`~airflow_provider_azml.operators.job_waiting.AzmlJobOperator` say.

    Files of CLI v1 (run configurations, environments, datasets, pipelines, schedules) are taken as what they are
    today; the task's log tells what was chosen for them.

    Args:
        file: AML file, relative to the DAG file.
        spec: Its content as a mapping instead.
        kind: What the file describes: ``job``, ``component``, ``environment``, ``data``, ``model``,
            ``online_endpoint``, ``online_deployment``, ``batch_endpoint``, ``batch_deployment``, ``compute``,
            ``datastore``, ``workspace``, ``schedule`` or ``connection``; by default what its ``$schema`` or ``type``
            tells.
        overrides: Merged over the top of the file, mappings key by key.
        strict: Refuse what azure-ai-ml would send and the service would refuse, instead of logging a warning.
        wait: Wait until the service has made it; for a job, until it has ended.

    Returns:
        ``{"name", "id", "status", "studio_url"}``; assets add ``version``, data and models ``path``, endpoints
        ``scoring_uri``, jobs ``experiment_name``, ``outputs``, ``metrics`` and, where they tried many, ``best_trial``.

    Example:
        >>> AzmlApplyOperator.partial(task_id="register").expand(file=["environment.yml", "data.yml"])

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-overview
    """

    template_fields: Sequence[str] = (*AzmlJobOperator.template_fields, "kind", "overrides", "wait")

    def __init__(
        self,
        *,
        kind: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        strict: bool = False,
        wait: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.overrides = overrides
        self.strict = strict
        self.wait = wait

    def source(self, context: Context) -> Source:
        """The file or mapping, with the overrides merged over it."""
        return super().source(context).merged(self.overrides or {})
