"""Traffic that has been given to an online endpoint: when the endpoint shows it, and when it shows somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest.readings import Reading, failed
from airflow_provider_azml.rest.resources import NOT_PROVISIONED, PROVISIONING
from airflow_provider_azml.rest.traffic import has_tags, mirrors, same, shares, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

CHANGED = "TrafficChanged"
"""Our code for traffic that somebody else has given meanwhile."""
BEARS_SECONDS = 300.0
"""How long the former traffic is borne after the change has succeeded."""


def wanted_of(former: Json, traffic: Mapping[str, int], mirrored: Mapping[str, int], tags: Mapping[str, str]) -> Json:
    """The values that the goal takes.

    Args:
        former: The endpoint as it was before the change.
        traffic: Deployment -> percent, as it is to be.
        mirrored: Deployment -> percent that is mirrored to it, as it is to be.
        tags: Tags that the endpoint is to have.
    """
    return {
        "traffic": dict(traffic),
        "mirrored": dict(mirrored),
        "tags": dict(tags),
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
    return Reading(state) if state in PROVISIONING else _compared(state, body, wanted)


def _compared(state: str, body: Json, wanted: Json) -> Reading:
    """What the traffic of an endpoint means to which nothing is being done."""
    live, copies = shares(body), mirrors(body)
    if same(live, wanted["traffic"]) and same(copies, wanted["mirrored"]):
        if has_tags(body, wanted["tags"]):
            return Reading(state, "good")
        return Reading("former tags", message="It does not show its new tags yet.", bears_seconds=BEARS_SECONDS)
    if same(live, wanted["former"]) and same(copies, wanted["former_mirrored"]):
        still = f"It still shows the traffic from before the change: {told(live)}."
        return Reading("former traffic", message=still, bears_seconds=BEARS_SECONDS)
    return Reading(state, "bad", code=CHANGED, message=_of_another(live, copies, wanted))


def _of_another(live: Mapping[str, int], copies: Mapping[str, int], wanted: Json) -> str:
    """What somebody else has made of the traffic."""
    if same(live, wanted["traffic"]):
        return f"it mirrors {told(copies)}, and not {told(wanted['mirrored'])}"
    given, before = told(wanted["traffic"]), told(wanted["former"])
    return f"it shows {told(live)}, and neither {given}, which was given to it, nor {before}, which it had before"
