"""The api-versions of Azure ML that the emulator takes, all but ``preview_2021`` for the same answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

AML_VERSIONS = frozenset({
    "2018-11-19", "2019-05-01", "2019-06-01", "2019-11-01", "2020-01-01", "2020-03-01", "2020-04-01", "2020-06-01",
    "2020-08-01", "2021-01-01", "2021-04-01", "2021-07-01", "2022-05-01", "2022-10-01", "2023-04-01", "2023-10-01",
    "2024-04-01", "2024-10-01", "2025-04-01", "2025-06-01", "2025-09-01", "2025-12-01", "2026-03-01", "2026-05-01",
    "2020-09-01-dataplanepreview", "2021-03-01-preview", "2021-10-01-dataplanepreview", "2022-01-01-preview",
    "2022-02-01-preview", "2022-06-01-preview", "2022-10-01-preview", "2022-12-01-preview", "2023-02-01-preview",
    "2023-04-01-preview", "2023-06-01-preview", "2023-08-01-preview", "2024-01-01-preview", "2024-04-01-preview",
    "2024-07-01-preview", "2024-10-01-preview", "2025-01-01-preview", "2025-04-01-preview", "2025-07-01-preview",
    "2025-10-01-preview",
}) | {row.api_version for row in RESOURCES.values()}  # fmt: skip
"""Sources: the versions of the bicep types of Microsoft.MachineLearningServices, and what azure-ai-ml sends."""


def check_api_version(query: Mapping[str, str], *, namespace: str | None = None, kind: str = "") -> None:
    """Check the ``api-version`` of a request.

    Args:
        query: The request's query.
        namespace: The resource provider whose versions are known, or ``None`` to take any.
        kind: The resource type, for the message.

    Raises:
        ArmError: It is missing, or not known.
    """
    version = query.get("api-version")
    if not version:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests. "
            f"Supported versions are '{', '.join(sorted(AML_VERSIONS))}'.",
        )
    if namespace and version.lower() not in AML_VERSIONS:
        raise ArmError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version}' is invalid for {namespace}/{kind}. "
            f"The supported versions are '{', '.join(sorted(AML_VERSIONS))}'.",
        )
