"""The default deployment of a batch endpoint: when the endpoint shows it, and when it shows somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest.readings import Reading, failed
from airflow_provider_azml.rest.resources import NOT_PROVISIONED, PROVISIONING

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

CHANGED = "DefaultDeploymentChanged"
"""Our code for a default deployment that somebody else has set meanwhile."""
BEARS_SECONDS = 300.0
"""How long the former default is borne after the change has succeeded."""


def default_of(endpoint: Json) -> str | None:
    """The default deployment of a batch endpoint, where it has one."""
    name = (endpoint["properties"].get("defaults") or {}).get("deploymentName")
    return str(name) if name else None


def read(body: Json, wanted: Json) -> Reading:
    """What the endpoint means to somebody who has set its default deployment.

    The former one is waited out for some time, as former traffic of online endpoints is.
    """
    state = body["properties"].get("provisioningState") or "Succeeded"
    if state in NOT_PROVISIONED:
        return failed(state, body)
    if state in PROVISIONING:
        return Reading(state)
    found = default_of(body)
    if found == wanted["deployment"]:
        return Reading(state, "good")
    if found == wanted["former"]:
        still = f"It still goes to {found or 'no deployment'} by default."
        return Reading("former default", message=still, bears_seconds=BEARS_SECONDS)
    told = f"it goes to {found or 'no deployment'} by default, and not to {wanted['deployment']}: somebody else set it"
    return Reading(state, "bad", code=CHANGED, message=told)
