"""What a region has: sizes of machines, and quotas of their cores, which can be shared out to workspaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.emulator.arm.usages import cores_of, usages
from airflow_provider_azml.emulator.identity import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_QUOTAS = "quotas"
_FAMILY_CORES = 1000
_SIZES = {
    "standardDSv2Family": "DS1_v2 3.5, DS2_v2 7, DS3_v2 14, DS4_v2 28, DS5_v2 56, DS11_v2 14, DS12_v2 28",
    "standardDv2Family": "D1_v2 3.5, D2_v2 7, D3_v2 14, D4_v2 28",
    "standardDSv3Family": "D2s_v3 8, D4s_v3 16, D8s_v3 32",
    "standardDAv4Family": (
        "D2a_v4 8, D4a_v4 16, D8a_v4 32, D16a_v4 64, D32a_v4 128, D48a_v4 192, D64a_v4 256, D96a_v4 384"
    ),
    "standardDASv4Family": (
        "D2as_v4 8, D4as_v4 16, D8as_v4 32, D16as_v4 64, D32as_v4 128, D48as_v4 192, D64as_v4 256, D96as_v4 384"
    ),
    "standardESv3Family": ("E2s_v3 16, E4s_v3 32, E8s_v3 64, E16s_v3 128, E32s_v3 256, E48s_v3 384, E64s_v3 432"),
    "standardEDSv4Family": "E4ds_v4 32, E8ds_v4 64, E16ds_v4 128",
    "standardFSv2Family": (
        "F2s_v2 4, F4s_v2 8, F8s_v2 16, F16s_v2 32, F32s_v2 64, F48s_v2 96, F64s_v2 128, F72s_v2 144"
    ),
    "standardFXMDVSFamily": "FX4mds 84, FX12mds 252, FX24mds 504, FX36mds 756, FX48mds 1008",
    "standardNCSv2Family": "NC6s_v2 112, NC12s_v2 224, NC24s_v2 448",
    "standardNCSv3Family": "NC6s_v3 112, NC12s_v3 224, NC24s_v3 448",
    "standardNCASv3_T4Family": "NC4as_T4_v3 28, NC8as_T4_v3 56, NC16as_T4_v3 110, NC64as_T4_v3 440",
    "standardNCADSA100v4Family": "NC24ads_A100_v4 220, NC48ads_A100_v4 440, NC96ads_A100_v4 880",
    "standardNDSv2Family": "ND40rs_v2 672",
    "standardNDASv4_A100Family": "ND96asr_v4 900",
    "standardNDAMSv4_A100Family": "ND96amsr_A100_v4 1900",
}
"""Sizes that the service's own examples use, and those of managed online endpoints, with their memory in GB.

Source: https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list
"""
_QUOTA_ID = re.compile(r"(?P<scope>/subscriptions/.+)/quotas/(?P<family>[^/]+)", re.IGNORECASE)


def view(emulator: Emulator, name: str) -> Json | None:
    """The list under a name of a location, if there is one; a location that is not there has the same as ours."""
    if name == "usages":
        return {"value": usages(emulator)}
    if name == "vmsizes":
        return {"value": sizes()}
    return {"value": quotas(emulator)} if name == "quotas" else None


def sizes() -> list[Json]:
    """The sizes of virtual machines.

    Source: the example VirtualMachineSize/list of the 2024-04-01 OpenAPI file; prices are not told.
    """
    members = ((family, one.split()) for family, listed in _SIZES.items() for one in listed.split(", "))
    return [_size(f"Standard_{name}", family, float(memory)) for family, (name, memory) in members]


def has_size(name: str) -> bool:
    """Whether there is a size of a name, in any case."""
    return any(str(one["name"]).lower() == name.lower() for one in sizes())


def quotas(emulator: Emulator) -> list[Json]:
    """The quotas of the subscription by family, and those that workspaces were given.

    Source: the example Quota/list of the 2024-04-01 OpenAPI file.
    """
    of_subscription = [
        _quota(f"/subscriptions/{SUBSCRIPTION_ID}/quotas/{family}", family, _FAMILY_CORES) for family in _SIZES
    ]
    given = emulator.store.records(_QUOTAS)
    return [*of_subscription, *(_quota(one["id"], one["id"].rpartition("/")[2], one["limit"]) for one in given)]


def update_quotas(emulator: Emulator, body: Json) -> list[Json]:
    """Share quotas out to workspaces, and say for each what became of it.

    Raises:
        ArmError: The body is none of quotas.

    Source: the example Quota/update of the 2024-04-01 OpenAPI file.
    """
    asked = body.get("value")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise bad_request("The 'value' of the request content must be a list of quotas.", code="InvalidRequestContent")
    return [_updated(emulator, one) for one in asked]


def _updated(emulator: Emulator, asked: Json) -> Json:
    quota_id, limit = str(asked.get("id") or ""), asked.get("limit")
    found = _QUOTA_ID.fullmatch(quota_id)
    answer = {"id": quota_id, "type": _kind(quota_id), "limit": limit, "unit": "Count"}
    if found is None or found["family"].lower() not in (family.lower() for family in _SIZES):
        return {**answer, "status": "InvalidVMFamilyName"}
    if emulator.store.get(found["scope"]) is None or not isinstance(limit, int) or limit < 0:
        return {**answer, "status": "Failure"}
    if limit > _FAMILY_CORES:
        return {**answer, "status": "InvalidQuotaExceedsSubscriptionLimit"}
    emulator.store.put_record(_QUOTAS, quota_id.lower(), {"id": quota_id, "limit": limit})
    return {**answer, "status": "Success"}


def _size(name: str, family: str, memory: float) -> Json:
    cores = cores_of(name)
    shown: dict[str, Any] = {
        "name": name,
        "family": family,
        "vCPUs": cores,
        "gpus": 1 if name.startswith("Standard_N") else 0,
        "osVhdSizeMB": 1047552,
        "maxResourceVolumeMB": int(memory * 2048),
        "memoryGB": memory,
        "lowPriorityCapable": True,
        "premiumIO": "s" in name.rpartition("Standard_")[2].lower(),
        "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
    }
    return shown


def _quota(quota_id: str, family: str, limit: int) -> Json:
    name = {"value": family, "localizedValue": family}
    return {"id": quota_id, "type": _kind(quota_id), "limit": limit, "name": name, "unit": "Count"}


def _kind(quota_id: str) -> str:
    in_workspace = "/workspaces/" in quota_id.lower()
    return f"Microsoft.MachineLearningServices/{'workspaces' if in_workspace else 'vmFamily'}/quotas"
