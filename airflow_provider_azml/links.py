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


def shown_job(link: object) -> tuple[str, str] | None:
    """The studio and the job that a link leads to, if it leads to one.

    Example:
        >>> shown_job("https://ml.azure.com/runs/train-1?wsid=/subscriptions/...")
        ('https://ml.azure.com', 'train-1')
    """
    if not isinstance(link, str) or _RUNS not in link:
        return None
    studio, _, job = link.partition("?")[0].partition(_RUNS)
    return studio, job


def leads_to_another_job(now: object, then: str | None) -> bool:
    """Whether two links lead to different jobs of one studio; what a custom store made of a link leads nowhere.

    Args:
        now: The link that a task has.
        then: The link to a job.
    """
    shown_now, shown_then = shown_job(now), shown_job(then)
    if not (shown_now and shown_then):
        return False
    (studio_now, job_now), (studio, job) = shown_now, shown_then
    return studio_now == studio and job_now != job


class AzmlEndpointLink(AzmlLink):
    """Opens the scoring URL of the endpoint that the task deployed to."""

    name = "Scoring URL"
    key = "azml_scoring_url"
