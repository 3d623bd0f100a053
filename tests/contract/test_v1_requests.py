"""What is asked of the data plane of v1 is what its OpenAPI files of 2019-09-30 have."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.v1 import artifacts, datastores, hyperdrive, models, runs, services
from airflow_provider_azml.rest.v1.multipart import Pieces
from tests.contract.shared_sources import SHARED
from tests.rest.conftest import CountingCredential
from tests.rest.scripted_service import Answer, ScriptedService
from tests.rest.v1.conftest import WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow

SPECS = SHARED / "specs" / "dataplane-2019-09-30"
ASKED: dict[str, Callable[[WorkspaceId], Flow[object]]] = {
    "start": lambda plane: runs.start(plane, "e", {}, Pieces(b""), run_id="r"),
    "start_snapshot": lambda plane: runs.start_snapshot(plane, "e", {}),
    "cancel": lambda plane: runs.cancel(plane, "e", "r"),
    "of_experiment": lambda plane: runs.of_experiment(plane, "e", "r"),
    "amend": lambda plane: runs.amend(plane, "e", "r", tags={"a": "b"}),
    "metrics": lambda plane: runs.metrics(plane, "e", "r"),
    "listed": lambda plane: runs.listed(plane, "e"),
    "experiment": lambda plane: runs.experiment(plane, "e"),
    "register": lambda plane: models.register(plane, {}),
    "model": lambda plane: models.find(plane, "iris:1"),
    "models": models.each,
    "update_model": lambda plane: models.update(plane, "iris:1", []),
    "delete_model": lambda plane: models.delete(plane, "iris:1"),
    "create": lambda plane: services.create(plane, {}),
    "find": lambda plane: services.find(plane, "iris"),
    "each": services.each,
    "update": lambda plane: services.update(plane, "iris", []),
    "delete": lambda plane: services.delete(plane, "iris"),
    "operation": lambda plane: services.operation(plane, "o"),
    "keys": lambda plane: services.keys(plane, "iris"),
    "regenerate_key": lambda plane: services.regenerate_key(plane, "iris", "Primary"),
    "token": lambda plane: services.token(plane, "iris"),
    "tune": lambda plane: hyperdrive.create(plane, "e", {}),
    "cancel_tuning": lambda plane: hyperdrive.cancel(plane, "e", "r"),
    "artifacts": lambda plane: artifacts.each(plane, "ExperimentRun", "dcid.r"),
    "contents": lambda plane: artifacts.contents(plane, "ExperimentRun", "dcid.r", "outputs"),
    "metadata": lambda plane: artifacts.metadata(plane, "ExperimentRun", "dcid.r", "outputs/a"),
    "register_artifact": lambda plane: artifacts.register(plane, {}),
    "delete_artifact": lambda plane: artifacts.delete(plane, "ExperimentRun", "dcid.r", "outputs/a"),
    "datastores": datastores.each,
    "datastore": lambda plane: datastores.get(plane, "d"),
    "default": datastores.default,
    "set_default": lambda plane: datastores.set_default(plane, "d"),
    "create_datastore": lambda plane: datastores.create(plane, {"name": "d"}),
    "delete_datastore": lambda plane: datastores.delete(plane, "d"),
}
"""Flows by name. ``logs`` of services and what is asked of pipelines are in no public OpenAPI file."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedService]:
    scripted = ScriptedService(tmp_path_factory.mktemp("service"))
    scripted.answer("GET", str(WORKSPACE), Answer(body={"properties": {"discoveryUrl": f"{scripted.url}/discovery"}}))
    scripted.answer("GET", "/discovery", Answer(body={"api": scripted.url}))
    yield scripted
    scripted.close()


def documented() -> dict[tuple[str, str], set[str]]:
    """Method and path as a pattern -> the names of query parameters, of all files."""
    found: dict[tuple[str, str], set[str]] = {}
    for file in sorted(SPECS.glob("*.json")):
        for path, operations in json.loads(file.read_text())["paths"].items():
            scope = path.replace("{armScope}", f"{str(WORKSPACE)[1:]}/experiments/{{experiment}}")
            pattern = re.sub(r"\\{[^{}]*\\}", "[^/]+", re.escape(scope))
            for method, operation in operations.items():
                queried = {each["name"] for each in operation.get("parameters", ()) if each.get("in") == "query"}
                found[method.upper(), pattern] = queried
    return found


@pytest.mark.shared
@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI files are not here")
@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_is_documented(name: str, service: ScriptedService) -> None:
    service.asked.clear()
    client = Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle)
    with client, contextlib.suppress(ApiError):
        client.run(ASKED[name](WORKSPACE))
    asked = [each for each in service.asked if each.path not in {str(WORKSPACE), "/discovery"}]
    assert asked
    for each in asked:
        matches = [
            queried
            for (method, pattern), queried in documented().items()
            if method == each.method and re.fullmatch(pattern, each.path)
        ]
        assert matches, f"{each.method} {each.path}"
        given = {part.partition("=")[0] for part in each.query.split("&") if part}
        assert any(given <= queried for queried in matches), (each.path, given)
