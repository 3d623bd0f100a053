"""Cancelling a job that nobody waits for any more."""

from __future__ import annotations

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest.flows import Flow, Send, call, request, version_of

CANCEL_SECONDS = 5.0
"""How long the request may take: whoever cancels is about to be stopped itself."""


def cancel(job_id: str, *, timeout_seconds: float = CANCEL_SECONDS) -> Flow[bool]:
    """Ask the service once to cancel a job, by its exact id; its end is not waited for.

    Args:
        job_id: ARM id of the job.
        timeout_seconds: How long the request may take, in seconds.

    Returns:
        Whether there is such a job.

    Raises:
        ApiError: The service did not take it, e.g. because the job has ended already.

    Source: ``POST {job}/cancel``, 2024-04-01 OpenAPI file, ``Jobs_Cancel``: 200, or 202 and a Location.
    """
    sent = request("POST", f"{job_id}/cancel", params=version_of(job_id))
    try:
        yield from call(Send(sent, retry="never", timeout_seconds=timeout_seconds))
    except NotFound:
        return False
    return True
