"""Traffic that has been given to an online endpoint: when the endpoint shows it, and when it shows somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest.readings import Reading, failed
from airflow_provider_azml.rest.resources import NOT_PROVISIONED, PROVISIONING
from airflow_provider_azml.rest.traffic import mirrors, same, shares, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

CHANGED = "TrafficChanged"
"""Our code for traffic that somebody else has given meanwhile."""
BEARS_SECONDS = 300.0
"""How long the former traffic is borne after the change has succeeded."""


def wanted_of(former: Json, traffic: Mapping[str, int], mirrored: Mapping[str, int]) -> Json:
    """The values that the goal takes.

    Args:
        former: The endpoint as it was before the change.
        traffic: Deployment -> percent, as it is to be.
        mirrored: Deployment -> percent that is mirrored to it, as it is to be.
    """
    return {
        "traffic": dict(traffic),
        "mirrored": dict(mirrored),
        "former": shares(former),
        "former_mirrored": mirrors(former),
    }


def read(body: Json, wanted: Json) -> Reading:
    """What the endpoint means to somebody who has changed its traffic.

    The former traffic is waited out for some time: what was put is not seen at once, whatever the operation says.

    Source: "make azd to wait until the expected state can be seen from the online endpoint", Azure/azure-dev#3881.
    """
    state = body["properties"].get("provisioningState") or "Succeeded"
    if state in NOT_PROVISIONED:
        return failed(state, body)
    if state == "Deleting":
        return Reading(state, "bad", message="It is being deleted.")
    if state in PROVISIONING:
        return Reading(state)
    live, copies = shares(body), mirrors(body)
    if same(live, wanted["traffic"]) and same(copies, wanted["mirrored"]):
        return Reading(state, "good")
    if same(live, wanted["former"]) and same(copies, wanted["former_mirrored"]):
        still = f"It still shows the traffic from before the change: {told(live)}."
        return Reading("former traffic", message=still, bears_seconds=BEARS_SECONDS)
    if same(live, wanted["traffic"]):
        other = f"it mirrors {told(copies)}, and not {told(wanted['mirrored'])}"
    else:
        other = f"it shows {told(live)}, and neither {told(wanted['traffic'])}, which was given to it, nor "
        other += f"{told(wanted['former'])}, which it had before"
    return Reading(state, "bad", code=CHANGED, message=other)
