"""Checks that the resources which a job or deployment names are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.asset_versions import component_version
from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.emulator import Emulator

_CODES = {
    "code": "CodeNotFound",
    "component": "ComponentNotFound",
    "compute": "ComputeNotFound",
    "data": "DataNotFound",
    "environment": "EnvironmentNotFound",
    "model": "ModelNotFound",
}


def check_references(emulator: Emulator, who: str, references: Mapping[str, object]) -> None:
    """Check every reference that is an ARM id; others are checked when they are used.

    Args:
        emulator: The emulator.
        who: What names them, for the message, e.g. ``job 'train'``.
        references: Path of the field -> what stands in it.

    Raises:
        ArmError: One of them does not exist, or is not the id of anything.
    """
    for field, value in references.items():
        reference = str(value or "").removeprefix("azureml:")
        if not reference.lower().startswith("/subscriptions/"):
            continue
        try:
            parsed = arm_ids.parse(reference.removesuffix("/labels/default"))
        except ValueError as error:
            raise bad_request(f"The {field} of {who} is wrong: {error}.", target=field) from error
        if component_version(emulator.store, reference) is None and not _is_serverless(parsed):
            version = f" version '{parsed.version}'" if parsed.version else ""
            raise bad_request(
                f"The {field} of {who} names {parsed.kind.replace('_', ' ')} '{parsed.name}'{version}, "
                f"which does not exist in workspace '{parsed.workspace.name}'.",
                code=_CODES.get(parsed.kind, "UserError"),
                target=field,
            )


def _is_serverless(parsed: arm_ids.ArmId) -> bool:
    return parsed.kind == "compute" and parsed.name.lower() == "serverless"
