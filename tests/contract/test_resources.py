"""The resource table, row by row, against what Microsoft's own client, specifications and traffic say."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.resources import ASYNC, LOCATION, RESOURCES, Resource
from tests.contract import generated_client, pinned_versions, shared_sources
from tests.contract.claims import contradictions, item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.claims import Witness

OF_RESOURCE_MANAGER = ("resource_group", "template_deployment")
OF_OTHERS = ("private_endpoint",)
"""What neither azure-ai-ml's clients nor its OpenAPI files speak of."""
ROWS = [pytest.param(row, id=row.kind) for row in RESOURCES.values() if row.kind not in OF_OTHERS]
ROWS_OF_MACHINE_LEARNING = [param for param in ROWS if param.id not in OF_RESOURCE_MANAGER]
WITHOUT_WORDS = ("resource_group",)
"""azure-ai-ml's client knows that it has a status, not which words that can be."""
CONTAINERS_ALIKE = ("feature_store_entity", "registry_component", "registry_environment")
"""What can be done to a version of these can be done to their container, so that nothing contradicts a container."""
OTHER_ENDS = ("job", "outbound_rule", "private_endpoint_connection")
"""What azure-core does not poll by words in the body."""
NOT_OF_THE_CLIENT = ("private_endpoint_connection",)
"""What MLClient sends no request for."""
OF_REGISTRIES = tuple(kind for kind, row in RESOURCES.items() if row.parent == "registry")
WORDS_SINCE = {"outbound_rule": ("Provisioning", "Deleting", "Failed")}
"""Words that are younger than the published OpenAPI files."""

needs_shared = pytest.mark.skipif(not shared_sources.SHARED.is_dir(), reason="there is no ../shared")


@pytest.fixture(scope="module")
def client() -> dict[str, Witness]:
    """Kind -> the generated client that speaks of it."""
    machine_learning, resource_manager = generated_client.machine_learning(), generated_client.resource_manager()
    return {kind: resource_manager if kind in OF_RESOURCE_MANAGER else machine_learning for kind in RESOURCES}


@pytest.mark.parametrize("row", ROWS)
def test_generated_client_agrees(row: Resource, client: dict[str, Witness]) -> None:
    assert contradictions(row, RESOURCES, client[row.kind]) == []


@pytest.mark.parametrize("row", ROWS)
def test_generated_client_contradicts_every_wrong_row(row: Resource, client: dict[str, Witness]) -> None:
    believed = [
        change
        for change, wrong in wrong_rows(row)
        if not contradictions(wrong, {**RESOURCES, row.kind: wrong}, client[row.kind])
    ]
    assert believed == []


def wrong_rows(row: Resource) -> Iterator[tuple[str, Resource]]:
    """The row with each of its facts made false, one at a time."""
    yield "segment", replace(row, segment=row.segment.swapcase())
    if row.kind not in CONTAINERS_ALIKE:
        yield "versioned", replace(row, versioned=not row.versioned)
    yield "status", replace(row, status=() if row.status else ("properties", "provisioningState"))
    if row.status and row.kind not in WITHOUT_WORDS:
        yield "extra word", replace(row, active=row.active | {"Napping"})
        for word in row.active:
            yield word, replace(row, active=row.active - {word})
        for word in row.terminal:
            yield word, replace(row, good=row.good - {word}, bad=row.bad - {word})
            yield f"{word} is active too", replace(row, active=row.active | {word})
    yield "delete_params", replace(row, delete_params={} if row.delete_params else {"force": "true"})
    for name, segment in row.actions.items():
        yield name, replace(row, actions={**row.actions, name: segment.swapcase()})
    for act, header in row.long_running.items():
        yield act, replace(row, long_running={name: row.long_running[name] for name in row.long_running.keys() - {act}})
        if row.kind not in OF_RESOURCE_MANAGER:
            other = LOCATION if header == ASYNC else ASYNC
            yield f"header of {act}", replace(row, long_running={**row.long_running, act: other})
    for act in {"PUT", "DELETE", *row.actions} - row.long_running.keys():
        yield act, replace(row, long_running={**row.long_running, act: LOCATION})


@pytest.mark.parametrize("row", [param for param in ROWS if param.id not in (*NOT_OF_THE_CLIENT, *OF_REGISTRIES)])
def test_api_version_is_the_one_that_azure_ai_ml_sends(row: Resource) -> None:
    assert pinned_versions.first_request(row.kind) == (item(row, RESOURCES), row.api_version)


@pytest.mark.parametrize("kind", OF_REGISTRIES)
def test_api_version_of_assets_in_registries_is_the_one_that_azure_ai_ml_sends(kind: str) -> None:
    from azure.ai.ml._utils._registry_utils import REGISTRY_DATAPLANE_API_VERSION

    assert RESOURCES[kind].api_version == REGISTRY_DATAPLANE_API_VERSION


def test_jobs_end_with_the_words_that_azure_ai_ml_ends_with() -> None:
    from azure.ai.ml.operations._run_history_constants import JobStatus, RunHistoryConstants

    row = RESOURCES["job"]
    # azure-ai-ml stops streaming the log of a paused job; the job itself can go on
    assert row.terminal == set(RunHistoryConstants.TERMINAL_STATUSES) - {JobStatus.PAUSED}
    assert row.good == {JobStatus.COMPLETED}


@pytest.mark.parametrize("row", [param for param in ROWS if param.id not in OTHER_ENDS])
def test_everything_else_ends_with_the_words_that_azure_core_ends_with(row: Resource) -> None:
    from azure.core.polling.base_polling import _FAILED, _SUCCEEDED

    deleted = {"deleted"} if row.kind == "template_deployment" else set()
    assert {word.lower() for word in row.good} == _SUCCEEDED
    assert {word.lower() for word in row.bad} == _FAILED | deleted


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("row", ROWS_OF_MACHINE_LEARNING)
def test_specifications_agree(row: Resource, specifications: list[Witness]) -> None:
    younger = {f"{row.kind} has the word {word}, the witness does not" for word in WORDS_SINCE.get(row.kind, ())}
    assert [
        wrong for witness in specifications for wrong in set(contradictions(row, RESOURCES, witness)) - younger
    ] == []


@pytest.fixture(scope="module")
def specifications() -> list[Witness]:
    return [shared_sources.openapi("2024-04-01"), shared_sources.derived("2025-12-01")]


@needs_shared
@pytest.mark.shared
def test_recorded_requests_are_ones_that_the_table_makes() -> None:
    versions: dict[str, set[str]] = defaultdict(set)
    for method, path, version in shared_sources.recorded_requests():
        if "/asyncops/" in path or "/resourceGroups/" not in path or path.endswith("/operations"):
            continue  # where the recorded service was polled: no resource
        kind, rebuilt = rebuild(path)
        assert rebuilt == path
        versions[kind] |= {version} if method in ("GET", "PUT") else set()
    assert {kind for kind, sent in versions.items() if RESOURCES[kind].api_version not in sent} == set()
    assert len(versions) > 10


def rebuild(path: str) -> tuple[str, str]:
    """Kind of what a recorded path leads to, and the path that the table leads to for it."""
    above, _, last = path.rpartition("/")
    names_a_resource = path.count("/") % 2 == 0  # an ARM id is pairs of segments
    if names_a_resource:
        found = arm_ids.parse(path)
        return found.kind, spell(found)
    found = arm_ids.parse(above)
    if last in found.row.actions.values():
        return found.kind, f"{spell(found)}/{last}"
    found = arm_ids.parse(f"{path}/x")
    return found.kind, spell(found).rpartition("/")[0]


def spell(found: arm_ids.ArmId) -> str:
    return found.workspace.sibling(found.kind, *found.names)
