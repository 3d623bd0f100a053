"""Lists: their pages, their filters and their orders."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.older_homes import bring_up_to_date
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.emulator.selections import Facet, Selection
from airflow_provider_azml.emulator.store import Store
from tests.emulator.arm_requests import fresh, refused
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace that no other test lists, and whose jobs take no time."""
    with running_emulator(tmp_path_factory.mktemp("lists"), "--simulate", "0", "--create-workspace") as emulator:
        yield Workspace(emulator).ensure()


def pages(workspace: Workspace, path: str, **query: str) -> list[list[str]]:
    """The names on each page of a list, through its links."""
    found = []
    while True:
        answer = workspace.call("GET", path, params=query).json()
        found.append([one["name"] for one in answer["value"]])
        if not answer.get("nextLink"):
            return found
        following = urlsplit(answer["nextLink"])
        assert following.path.endswith(path)
        query = dict(parse_qsl(following.query))


def names(workspace: Workspace, path: str, **query: str) -> list[str]:
    return [name for page in pages(workspace, path, **query) for name in page]


@pytest.fixture(scope="module")
def model(workspace: Workspace) -> str:
    """The versions of a model, the second of which is archived and the first of which was changed last."""
    uri = workspace.data({"model.pkl": "x"}, "lists")
    for number in range(1, 6):
        workspace.put(
            "model",
            "iris",
            str(number),
            properties={
                "modelUri": uri,
                "description": "odd" if number % 2 else "even",
                "tags": {"number": str(number), **({"good": "yes"} if number > 3 else {})},
                "properties": {"source": "test"} if number == 4 else {},
                "isArchived": number == 2,
            },
        )
    first = workspace.id.child("model", "iris", "1")
    workspace.call("PUT", first, json={"properties": {**workspace.call("GET", first).json()["properties"]}})
    return f"{workspace.id.child('model', 'iris')}/versions"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "1345"),
        ({"listViewType": "All"}, "12345"),
        ({"listViewType": "archivedonly"}, "2"),
        ({"$orderBy": "createdtime desc"}, "5431"),
        ({"$orderBy": "createdtime asc"}, "1345"),
        ({"$orderBy": "modifiedtime desc"}, "1543"),
        ({"$orderBy": "modifiedtime"}, "3451"),
        ({"tags": "good"}, "45"),
        ({"tags": "good=yes,number=5"}, "5"),
        ({"tags": "good=no"}, ""),
        ({"properties": "source"}, "4"),
        ({"properties": "source=test", "tags": "good"}, "4"),
        ({"version": "3"}, "3"),
        ({"version": "2"}, ""),
        ({"description": "odd"}, "135"),
        ({"offset": "2"}, "45"),
        ({"offset": "1", "$orderBy": "createdtime desc"}, "431"),
        ({"feed": "x"}, "1345"),
    ],
)
@pytest.mark.parametrize("top", [1, 2, None])
def test_versions_are_filtered_and_ordered_on_pages_of_any_size(
    workspace: Workspace, model: str, query: dict[str, str], found: str, top: int | None
) -> None:
    listed = pages(workspace, model, **query, **({"$top": str(top)} if top else {}))
    assert "".join(name for page in listed for name in page) == found
    assert all(len(page) <= (top or 100) for page in listed)


@pytest.mark.parametrize(
    ("place", "query"),
    [
        ("models/iris/versions", {"listViewType": "Some"}),
        ("models/iris/versions", {"$orderBy": "name"}),
        ("models/iris/versions", {"$orderBy": "createdtime down"}),
        ("models/iris/versions", {"$top": "many"}),
        ("models/iris/versions", {"$top": "-1"}),
        ("models/iris/versions", {"offset": "x"}),
        ("models/iris/versions", {"$skip": "100"}),
        ("models/iris/versions", {"$skip": "bm90aGluZw"}),
        ("models", {"count": "²"}),
        ("jobs", {"jobType": "Game"}),
        ("jobs", {"listViewType": ""}),
        ("jobs", {"scheduled": "perhaps"}),
        ("onlineEndpoints", {"orderBy": "name"}),
        ("onlineEndpoints", {"computeType": "Cloud"}),
        ("datastores", {"isDefault": "1"}),
        ("datastores", {"orderBy": "size"}),
        ("schedules", {"listViewType": "ActiveOnly"}),
    ],
)
def test_what_cannot_be_asked_is_refused(workspace: Workspace, model: str, place: str, query: dict[str, str]) -> None:
    assert model
    assert refused(workspace, "GET", f"{workspace.id}/{place}", params=query) == (400, "InvalidQueryParameter")


def test_a_page_begins_where_the_last_one_ended_whatever_comes_between(workspace: Workspace) -> None:
    name = fresh("env")
    path = f"{workspace.id.child('environment', name)}/versions"
    for version in "1234":
        workspace.put("environment", name, version, properties={"image": "i"})
    first = workspace.call("GET", path, params={"$top": "2", "$orderBy": "createdtime desc"}).json()
    workspace.put("environment", name, "5", properties={"image": "i"})
    following = dict(parse_qsl(urlsplit(first["nextLink"]).query))
    rest = workspace.call("GET", path, params=following).json()
    assert [one["name"] for one in (*first["value"], *rest["value"])] == ["4", "3", "2", "1"]


def test_jobs_are_listed_newest_first_and_by_what_they_are(workspace: Workspace) -> None:
    jobs = {
        "a": {"tags": {"stage": "one"}, "properties": {"x": "1", "y": "2"}},
        "b": {"tags": {"stage": "two"}, "properties": {"x": "2"}, "outputs": {"out": {"jobOutputType": "uri_folder"}}},
        "c": {"isArchived": True},
    }
    ids = {}
    for letter, properties in jobs.items():
        ids[letter] = workspace.submit("true", **properties)
        workspace.until(ids[letter], seconds=60)
    letters = {name: letter for letter, name in ids.items()}

    def listed(**query: str) -> str:
        return "".join(letters[name] for name in names(workspace, f"{workspace.id}/jobs", **query))

    assert listed() == "ba"
    assert listed(listViewType="All") == "cba"
    assert listed(listViewType="ArchivedOnly") == "c"
    assert listed(jobType="command") == "ba"
    assert listed(jobType="Sweep") == ""
    assert listed(tag="stage") == "ba"
    assert listed(tag="stag") == ""
    assert listed(properties="x") == "ba"
    assert listed(properties="x=2") == "b"
    assert listed(properties="x,y=2") == "a"
    assert listed(scheduled="false") == "ba"
    assert listed(scheduled="true") == ""
    assert listed(scheduleId="s") == ""
    changed = {**workspace.get("job", ids["a"])["properties"], "tags": {"new": "1"}}
    workspace.call("PUT", workspace.id.child("job", ids["a"]), json={"properties": changed})
    assert listed(tag="stage") == "b"
    assert listed(tag="new") == "a"


def test_datastores_are_found_by_name_and_text(workspace: Workspace) -> None:
    path = f"{workspace.id}/datastores"
    every = names(workspace, path)
    assert "workspaceblobstore" in every
    assert names(workspace, path, isDefault="true") == ["workspaceblobstore"]
    assert names(workspace, path, names="workspaceblobstore,none") == ["workspaceblobstore"]
    assert set(names(workspace, path, searchText="BLOB")) == {name for name in every if "blob" in name}
    assert names(workspace, path, orderBy="name", orderByAsc="true") == sorted(every)
    assert names(workspace, path, orderBy="name", count="1") == sorted(every, reverse=True)


def test_code_is_found_by_its_hash_under_whatever_name(workspace: Workspace) -> None:
    properties = {"codeUri": workspace.data({"a.py": ""}, "lists-code"), "properties": {"hash_sha256": fresh("hash")}}
    code = fresh("code")
    workspace.put("code", code, "1", properties=properties)
    path = f"{workspace.id.child('code', 'another')}/versions"
    asked = {"hash": properties["properties"]["hash_sha256"], "hashVersion": "202208"}
    found = workspace.call("GET", path, params=asked).json()["value"]
    assert [one["id"] for one in found] == [workspace.id.child("code", code, "1")]


NAMES = (
    *(f"a/{folder}/{number:03}" for folder in ("x", "y") for number in range(40)),
    "a/z", "b", "c/d/e", "ä/ü", "with space", "a<b>&", "bell\x07",
)  # fmt: skip


@pytest.fixture(scope="module")
def url(workspace: Workspace) -> str:
    for name in NAMES:
        workspace.upload(workspace.blob_url("listed/" + quote(name, safe="/")), b"x")
    return workspace.blob_url("").replace("/?", "?") + "|" + workspace.emulator.environment["REQUESTS_CA_BUNDLE"]


def blob_pages(url: str, size: int, prefix: str, delimiter: str) -> Iterator[list[str]]:
    from azure.storage.blob import ContainerClient

    place, _, bundle = url.partition("|")
    client = ContainerClient.from_container_url(place, connection_verify=bundle)
    prefix = f"listed/{prefix}"
    listed: Any = (
        client.walk_blobs(prefix, delimiter=delimiter, results_per_page=size)
        if delimiter
        else client.list_blobs(prefix, results_per_page=size)
    )
    for page in listed.by_page():
        yield [one.name.removeprefix("listed/") for one in page]


@pytest.mark.parametrize("size", [1, 3, 50, 5000])
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("", ""), sorted(NAMES)),
        (("a/y", ""), [name for name in sorted(NAMES) if name.startswith("a/y")]),
        (("", "/"), sorted({"a/", "c/", "ä/", "b", "with space", "a<b>&", "bell\x07"})),
        (("a/", "/"), ["a/x/", "a/y/", "a/z"]),
        (("a", "/"), ["a/", "a<b>&"]),
        (("none", "/"), []),
    ],
)
def test_every_name_is_on_one_page(url: str, size: int, asked: tuple[str, str], found: list[str]) -> None:
    listed = [*blob_pages(url, size + 6 * (len(found) > 50), *asked)]
    assert sorted(name for page in listed for name in page) == sorted(found)
    assert all(len(page) <= size + 6 for page in listed)


def test_the_home_of_an_older_emulator_is_listed_as_well(tmp_path: Path) -> None:
    jobs = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/jobs"
    with closing(Database(tmp_path / "db")) as database:
        Store(database).put(f"{jobs}/a", {"properties": {"tags": {"x": "1"}}})
        with database.transaction() as db:
            db.execute("DELETE FROM facets")
            db.execute("PRAGMA user_version = 0")
            for index in ("resources_by_change",):
                db.execute(f"DROP INDEX {index}")
            db.execute("ALTER TABLE resources DROP COLUMN modified")
            run: dict[str, Any] = {"runId": "A", "experimentId": "e"}
            db.execute(
                "INSERT INTO records (collection, key, document) VALUES (?, ?, ?)", ("runs:w", "a", json.dumps(run))
            )
    with closing(Database(tmp_path / "db")) as database:
        bring_up_to_date(database)
        store = Store(database)
        for wanted in (Selection(facets=(Facet("tags/x", "1"),)), Selection(order="modified")):
            found, following = store.page(jobs, wanted, 10)
            assert ([one["name"] for one in found], following) == (["a"], None)
        assert store.records("experiment_runs:w/experiments/e") == [{"runId": "A"}]
