"""Changes of one field of a resource that is there: read it, change it, put it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows, waiting

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Ticket

_TOLD_BY_SERVICE = frozenset({"latestVersion", "nextVersion", "provisioningState", "stage"})


def switch(arm_id: str, field: str, *, on: bool) -> Flow[Ticket]:
    """Set one of a resource's yes-or-no properties, unless it is so already.

    Args:
        arm_id: The resource; for ``isArchived`` a version of an asset or the container of all of them.
        field: Name of the property, e.g. ``isEnabled``.
        on: What it is to be.

    Raises:
        NotFound: There is no such resource.

    Source: azure-ai-ml 1.35.2 archives assets and enables schedules by a GET and a PUT, and leaves out of the latter
    what has no value, and a model's stage.
    """
    found = yield from flows.get(arm_id)
    properties = found["properties"]
    if properties.get(field) is on:
        return waiting.Ticket(arm_id, None, found)
    sent = {name: value for name, value in properties.items() if name not in _TOLD_BY_SERVICE and value is not None}
    return (yield from waiting.submit(arm_id, {"properties": {**sent, field: on}}))
