"""Links in the Airflow UI: from a task to what it made on Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

_RUNS = "/runs/"


class AzmlLink(BaseOperatorLink):
    """Base of links whose URL the operator learns while it runs and keeps in its ``links``."""

    key: ClassVar[str]
    """XCom that holds the URL, and the URL's place in the operator's ``links``."""

    @property
    def xcom_key(self) -> str:
        """XCom that holds the URL; Airflow's UI reads it from there."""
        return self.key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (Airflow's signature)
        """The URL; empty while there is none."""
        links: dict[str, str] = getattr(operator, "links", {})
        return links.get(self.key, "")


class AzmlStudioLink(AzmlLink):
    """Opens the job, model or endpoint of the task in Azure ML studio."""

    name = "Azure ML studio"
    key = "azml_studio_url"


def leads_to_another_job(now: object, then: str | None) -> bool:
    """Whether two links lead to different jobs of one studio; what a custom store made of a link leads nowhere.

    Args:
        now: The link that a task has.
        then: The link to a job.
    """
    if not isinstance(now, str) or not then or _RUNS not in now:
        return False
    studio, _, job = then.partition("?")[0].partition(_RUNS)
    studio_now, _, job_now = now.partition("?")[0].partition(_RUNS)
    return studio == studio_now and job != job_now


class AzmlEndpointLink(AzmlLink):
    """Opens the scoring URL of the endpoint that the task deployed to."""

    name = "Scoring URL"
    key = "azml_scoring_url"
