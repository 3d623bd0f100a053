"""Runs as run history shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.identity import PRINCIPAL_ID, TENANT_ID
from airflow_provider_azml.emulator.store import CREATED_BY

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

_INTERNAL = ("params", "metrics", "experimentName", "datasetInputs", "modelOutputs", "ofJob", "runDefinition")
_CREATED_BY = {"userObjectId": PRINCIPAL_ID, "userTenantId": TENANT_ID, "userName": CREATED_BY}


def shown(run: Json) -> Json:
    """A run, without what it keeps for others to ask for. Source: ``Run`` of the 2019-09-30 run history file."""
    visible = {name: value for name, value in run.items() if name not in _INTERNAL}
    parameters = {name: str(value) for name, value in run.get("params", {}).items()}
    # what a run of years ago had instead of a display name is still read by clients
    return {"createdBy": _CREATED_BY, **visible, "name": run.get("displayName"), "parameters": parameters}
