"""Whether an online deployment can be made, by what the workspace and its region have, before anything is sent."""

from __future__ import annotations

import contextlib
import difflib
import logging
import math
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, NotFound
from airflow_provider_azml.rest import arm_ids, flows, vm_sizes
from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.spec import references
from airflow_provider_azml.spec.labelled import Newest
from airflow_provider_azml.spec.needs import WorkspaceResource
from airflow_provider_azml.spec.rules import integer

if TYPE_CHECKING:
    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

_log = logging.getLogger(__name__)
_NOT_TO_BE_READ = frozenset({401, 403, 404})
_SHOWN_VERSIONS = 5
_RESERVED = 1.2
_WITHOUT_RESERVE = frozenset({
    "standard_nc24ads_a100_v4",
    "standard_nc48ads_a100_v4",
    "standard_nc96ads_a100_v4",
    "standard_nd96asr_v4",
    "standard_nd96amsr_a100_v4",
    "standard_nd40rs_v2",
})
"""Sizes of which no instances are kept free for upgrades."""


def problems(deployment: Source, target: Target) -> Flow[list[Problem]]:
    """What would keep the service from making a deployment.

    The endpoint must not be on its way out, the model's version and the environment's have to be there, and the
    instance type has to be one of the region. Too little quota is a warning alone: quota that is shared within a
    subscription or split among its workspaces is not told. What cannot be read is left to the service.

    Args:
        deployment: The deployment, checked; ``endpoint_name`` says where it goes.
        target: The workspace.

    Returns:
        The problems, each at its place in the file.

    Raises:
        ApiError: The service is out of reach.

    Example:
        >>> found = client.run(deployable.problems(read(Path("deployment.yml")), target))
        >>> [str(problem) for problem in found]
        ["deployment.yml:4:8: model: model 'iris' has no version 7; it has 3, 2, 1"]

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints ("Unable to
    download user model", "CPU quota"), https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
    ("Virtual machine quota allocation for deployment").
    """
    found = yield All([
        _of_endpoint(deployment, target),
        _of_asset(deployment, target, "model"),
        _of_asset(deployment, target, "environment"),
        _of_instance_type(deployment, target),
    ])
    return [problem for each in found for problem in each]


def _of_endpoint(deployment: Source, target: Target) -> Flow[list[Problem]]:
    name = str(deployment.value.get("endpoint_name") or "")
    if not name:
        return []
    endpoint = yield from flows.find(target.workspace.child("online_endpoint", name))
    if endpoint is None or endpoint["properties"].get("provisioningState") != "Deleting":
        return []
    reason = f"endpoint {name!r} is being deleted; wait until it is gone, or name another"
    return [deployment.problem(("endpoint_name",), reason)]


def _of_asset(deployment: Source, target: Target, kind: str) -> Flow[list[Problem]]:
    """What is wrong with the model or environment, where the workspace would have it."""
    text = deployment.value.get(kind)
    if not isinstance(text, str) or text.startswith(references.FILE):
        return []
    try:
        found: object = references.asset(text, kind)
    except references.BadReference:
        return []  # the check of the file says so, or takes it for a path
    if isinstance(found, Newest):
        return (yield from _of_label(deployment, target, kind, found))
    arm_id = found.id_in(target) if isinstance(found, WorkspaceResource) else found
    if not isinstance(arm_id, str) or not arm_id.startswith("/subscriptions/"):
        return []  # in a registry, or curated
    return (yield from _of_version(deployment, kind, arm_id))


def _of_version(deployment: Source, kind: str, arm_id: str) -> Flow[list[Problem]]:
    try:
        if (yield from flows.find(arm_id)):
            return []
        return [deployment.problem((kind,), (yield from _missing(arm_id, kind)))]
    except ApiError as error:
        _leave_to_service(error, f"Whether {kind} {arm_ids.parse(arm_id).name} is there")
        return []


def _of_label(deployment: Source, target: Target, kind: str, label: Newest) -> Flow[list[Problem]]:
    try:
        yield from label.look_up(target, None)
    except NotFound as error:
        reason = f"{label.label} stands for nothing: {error.message}; register a version first, or name another"
        return [deployment.problem((kind,), reason)]
    return []


def _missing(arm_id: str, kind: str) -> Flow[str]:
    """That a version is not there, and which are."""
    asked = arm_ids.parse(arm_id)
    container = arm_id.rpartition("/versions/")[0]
    there: list[Json] = []
    if container:
        params = {**flows.version_of(arm_id), "$orderBy": "createdtime desc", "$top": str(_SHOWN_VERSIONS)}
        sent = flows.request("GET", f"{container}/versions", params=params)
        with contextlib.suppress(NotFound):  # nothing of that name
            there = flows.json_object(sent, (yield from flows.call(flows.Send(sent)))).get("value") or []
    where = f"workspace {asked.workspace.name!r}"
    if not there:
        return f"there is no {kind} {asked.name!r} in {where}; register it first, or name another"
    names = ", ".join(str(one["name"]) for one in there[:_SHOWN_VERSIONS])
    return f"{kind} {asked.name!r} has no version {asked.version} in {where}; the newest that it has: {names}"


def _of_instance_type(deployment: Source, target: Target) -> Flow[list[Problem]]:
    value = deployment.value
    wanted = value.get("instance_type")
    if not isinstance(wanted, str) or str(value.get("type") or "managed").lower() == "kubernetes":
        return []  # a cluster's instance types are its own
    subscription_id = target.workspace.subscription_id
    try:
        workspace = yield from flows.get(str(target.workspace))
        location = str(workspace.get("location") or "")
        sizes = yield from vm_sizes.listed(subscription_id, location)
    except ApiError as error:
        _leave_to_service(error, f"Whether there is an instance type {wanted}")
        return []
    size = vm_sizes.named(sizes, wanted)
    if size is not None:
        return (yield from _of_quota(deployment, target, size, location))
    if not sizes:
        return []
    close = difflib.get_close_matches(wanted, [str(one["name"]) for one in sizes], n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else "; az ml compute list-sizes lists them"
    return [deployment.problem(("instance_type",), f"there is no instance type {wanted!r} in {location}{meant}")]


def _of_quota(deployment: Source, target: Target, size: Json, location: str) -> Flow[list[Problem]]:
    """That the cores of new instances are more than the quota has left.

    Source: "Not enough quota available for Standard_F4s_v2 ... Current usage/limit: 0/6. Additional needed: 8" of a
    deployment with one instance, MicrosoftLearning/mslearn-azure-ml#30: a fifth is kept free, rounded up.
    """
    value, subscription_id = deployment.value, target.workspace.subscription_id
    there = target.workspace.child("online_deployment", str(value.get("endpoint_name")), str(value.get("name")))
    try:
        used = yield from vm_sizes.usage_of(subscription_id, location, str(size.get("family") or ""))
        if used is None or (yield from flows.find(there)) is not None:
            return []
    except ApiError as error:
        _leave_to_service(error, f"How much quota is left in {location}")
        return []
    count = integer(value.get("instance_count") or 1)
    kept = 1 if str(size["name"]).lower() in _WITHOUT_RESERVE else _RESERVED
    needed = math.ceil(round(kept * count, 6)) * int(size["vCPUs"])
    left = used[1] - used[0]
    if needed <= left:
        return []
    reason = (
        f"needs {needed} cores of {size.get('family')} in {location}, of which {left} are left ({used[0]} of "
        f"{used[1]} used); the service may refuse it. Ask for more quota, delete a deployment, or take a smaller size"
    )
    return [deployment.problem(("instance_type",), reason, severity="warning")]


def _leave_to_service(error: ApiError, what: str) -> None:
    """Go on without what the identity may not read.

    Raises:
        ApiError: It is another error.
    """
    if error.status not in _NOT_TO_BE_READ:
        raise error
    _log.info("%s cannot be told beforehand: %s", what, error)
