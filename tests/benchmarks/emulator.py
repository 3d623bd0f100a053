"""What an emulator costs: its start, its memory, a GET, and the pages of lists in a home that is full.

Run it with ``python -m tests.benchmarks.emulator``; it prints a line per figure.
"""

from __future__ import annotations

import http.client
import json
import ssl
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.identity import DEFAULT_WORKSPACE
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.emulator.storage.records import Blob
from airflow_provider_azml.emulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

JOBS, BLOBS, VERSIONS, CHILDREN = 10_000, 100_000, 2_000, 1_000
CONTAINER = "full"
_VERSION = "api-version=2024-04-01"
_PARENT = "parent"
_RARE = 500
_WALKS = 5
_FOLDERS = 1_000


def fill(home: Path, *, jobs: int = JOBS, blobs: int = BLOBS, versions: int = VERSIONS) -> None:
    """Put ended jobs with their runs, versions of a model, and blobs (without bytes) into a home that is not in use.

    Args:
        home: The home; it has a default workspace.
        jobs: How many jobs; the first thousand of them are children of one.
        blobs: How many blobs, in a thousand folders.
        versions: How many versions of the model.
    """
    with closing(Database(home / "emulator.db")) as database, database.transaction() as db:
        store = Store(database)
        runs = Runs(store, DEFAULT_WORKSPACE)
        for number in range(jobs):
            name = f"job-{number:05}" if number else _PARENT
            job = store.put(DEFAULT_WORKSPACE.child("job", name), {"properties": _job(number)})
            runs.begin(job, {"parentRunId": _PARENT if 0 < number <= CHILDREN else None})
        for number in range(1, versions + 1):
            properties: dict[str, Any] = {"modelUri": "azureml://x", "isArchived": False, "tags": {"n": str(number)}}
            store.put(DEFAULT_WORKSPACE.child("model", "big", str(number)), {"properties": properties})
        container: dict[str, Any] = {"nextVersion": str(versions + 1), "isArchived": False, "tags": {}}
        store.put(DEFAULT_WORKSPACE.child("model", "big"), {"properties": container})
        now = datetime.now(timezone.utc)
        db.execute("INSERT INTO containers VALUES (?, ?, ?)", (CONTAINER, '"0x1"', now.isoformat()))
        for number in range(blobs):
            name = f"runs/{number % _FOLDERS:04}/outputs/{number:06}.txt"
            row = Blob(
                CONTAINER, name, f"{number:032x}", 10, f'"0x{number:015X}"', now, "BlockBlob", "text/plain"
            ).row()
            db.execute(f"INSERT INTO blobs VALUES ({', '.join('?' * len(row))})", row)


def _job(number: int) -> dict[str, Any]:
    """A job as MLClient submits it, about 2 kB."""
    return {
        "jobType": "Pipeline" if number % _RARE == 0 else "Command",
        "command": "python train.py --rate ${{inputs.rate}} --data ${{inputs.data}}",
        "displayName": f"job {number}",
        "experimentName": f"experiment-{number % 10}",
        "status": "Completed" if number % 3 else "Failed",
        "tags": {"all": "yes", f"group-{number % _RARE}": "x", "number": str(number)},
        "properties": {f"airflow.{word}": f"{word}-{number}" for word in ("dag_id", "run_id", "task_id", "ti_id")},
        "environmentVariables": {f"VARIABLE_{n}": "value" * 8 for n in range(8)},
        "inputs": {"rate": {"jobInputType": "literal", "value": "0.1"}},
        "outputs": {"model": {"jobOutputType": "uri_folder", "uri": None}},
        "services": {"Studio": {"endpoint": "https://localhost:8443/studio/" + "x" * 200}},
        "isArchived": number % _RARE == 1,
    }


@dataclass
class Pages:
    """What the pages of a list took.

    Args:
        seconds: How long each took to come.
        cpu_seconds: What one took of the emulator's processor time, on average over the cheapest of some walks.
    """

    seconds: list[float]
    cpu_seconds: float


@dataclass
class Figures:
    """What was measured.

    Args:
        start_seconds: From the start of the process to ``env.sh``, in a home that has been used.
        full_start_seconds: The same in a home that is full.
        idle_megabytes: Resident memory when nothing is asked.
        gets_per_second: GETs of a job in one second of the processor, by scheme.
        beside_seconds: The longest that a GET took while all blobs were listed over and over.
        pages: What is listed -> its pages.
    """

    start_seconds: float
    full_start_seconds: float
    idle_megabytes: float
    gets_per_second: dict[str, float]
    beside_seconds: float
    pages: dict[str, Pages]


class Caller:
    """One connection to an emulator, kept open.

    Args:
        emulator: The emulator.
        scheme: http or https.
    """

    def __init__(self, emulator: RunningEmulator, scheme: str = "http") -> None:
        self.workspace = str(DEFAULT_WORKSPACE)
        self._tokens = {scope: token(emulator, scope) for scope in (emulator.https_url, "https://storage.azure.com")}
        self._https_url = emulator.https_url
        self._connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
        if scheme == "https":
            context = ssl.create_default_context(cafile=emulator.environment["REQUESTS_CA_BUNDLE"])
            self._connection = http.client.HTTPSConnection(emulator.https_url.removeprefix("https://"), context=context)

    def get(self, path: str) -> bytes:
        """The body of an answer.

        Args:
            path: Path and query, or a URL of the emulator's.
        """
        path = path.removeprefix(self._https_url)
        scope = "https://storage.azure.com" if path.startswith("/stor.") else self._https_url
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {self._tokens[scope]}"})
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == http.client.OK, (path, response.status, body[:500])
        return body

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def token(emulator: RunningEmulator, resource: str) -> str:
    """A token for a resource."""
    variables = emulator.environment
    form = {
        "grant_type": "client_credentials",
        "client_id": variables["AZURE_CLIENT_ID"],
        "client_secret": variables["AZURE_CLIENT_SECRET"],
        "scope": f"{resource}/.default",
    }
    url = f"{emulator.url}/{variables['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()) as answer:
        return str(json.load(answer)["access_token"])


def pages(caller: Caller, process: psutil.Process) -> dict[str, Pages]:
    """What each list takes, through its links to the last page."""
    jobs, versions = f"{caller.workspace}/jobs?{_VERSION}", f"{caller.workspace}/models/big/versions?{_VERSION}"
    run = f"/history/v1.0{caller.workspace}/runs/{_PARENT}/children?api-version=v1.0"
    lists = {
        "jobs": jobs,
        "jobs of a type": f"{jobs}&jobType=Pipeline",
        "jobs with a tag": f"{jobs}&tag=group-7",
        "jobs with a property": f"{jobs}&properties=airflow.dag_id%3Ddag_id-77",
        "archived jobs": f"{jobs}&listViewType=ArchivedOnly",
        "versions": versions,
        "versions, two a page": f"{versions}&$top=2&$orderBy=createdtime%20desc",
        "versions as changed": f"{versions}&$orderBy=modifiedtime%20desc",
        "models": f"{caller.workspace}/models?{_VERSION}",
        "children": f"{run}&$top=100",
        "failed children": f"{run}&$top=50&$filter=status%20eq%20%27Failed%27",
        "all children": run,
    }
    blobs = {
        "blobs": "",
        "blobs, a hundred a page": "&maxresults=100&prefix=runs/00",
        "blobs of a folder": "&prefix=runs/0500/",
        "folders": "&delimiter=/&prefix=runs/",
        "folders, ten a page": "&delimiter=/&prefix=runs/&maxresults=10",
        "deep marker": "&marker=runs/0999/outputs/&maxresults=100",
    }
    return {
        **{name: _taken(process, partial(_json_pages, caller, path)) for name, path in lists.items()},
        **{name: _taken(process, partial(_xml_pages, caller, query)) for name, query in blobs.items()},
    }


def _taken(process: psutil.Process, listed: Callable[[], Iterator[float]]) -> Pages:
    """What a list takes at its cheapest: other work on the machine makes the same walk dearer, and nothing cheaper."""
    walks = [_walk(process, listed) for _ in range(_WALKS)]
    return min(walks, key=lambda walk: walk.cpu_seconds)


def _walk(process: psutil.Process, listed: Callable[[], Iterator[float]]) -> Pages:
    before = cpu_seconds(process)
    found = [*listed()]
    return Pages(found, (cpu_seconds(process) - before) / len(found))


def cpu_seconds(process: psutil.Process) -> float:
    """The processor time that a process has had, which other work on the machine does not change."""
    return sum(process.cpu_times()[:2])


def beside(emulator: RunningEmulator, seconds: float = 2) -> float:
    """The longest that a GET takes while somebody else lists all blobs over and over."""
    done = threading.Event()

    def list_all() -> None:
        with closing(Caller(emulator)) as caller:
            while not done.is_set():
                for _ in _xml_pages(caller, ""):
                    pass

    lister = threading.Thread(target=list_all)
    lister.start()
    longest, end = 0.0, time.monotonic() + seconds
    with closing(Caller(emulator)) as caller:
        while time.monotonic() < end:
            began = time.perf_counter()
            caller.get(f"{caller.workspace}/jobs/job-00100?{_VERSION}")
            longest = max(longest, time.perf_counter() - began)
    done.set()
    lister.join()
    return longest


def _json_pages(caller: Caller, path: str | None) -> Iterator[float]:
    while path:
        began = time.perf_counter()
        body = caller.get(path)
        yield time.perf_counter() - began
        path = json.loads(body).get("nextLink")


def _xml_pages(caller: Caller, query: str) -> Iterator[float]:
    marker = ""
    while True:
        path = f"/stor.blob.core.windows.net/{CONTAINER}?restype=container&comp=list{query}{marker}"
        began = time.perf_counter()
        body = caller.get(path)
        yield time.perf_counter() - began
        following = body.partition(b"<NextMarker>")[2].partition(b"</NextMarker>")[0].decode()
        if not following:
            return
        marker = f"&marker={urllib.parse.quote(following)}"


def gets_per_second(caller: Caller, process: psutil.Process, count: int = 2_000) -> float:
    """How many GETs of a job fit into one second of the emulator's processor time."""
    path = f"{caller.workspace}/jobs/job-00100?{_VERSION}"
    for _ in range(count // 10):
        caller.get(path)
    before = cpu_seconds(process)
    for _ in range(count):
        caller.get(path)
    return count / (cpu_seconds(process) - before)


def process_of(emulator: RunningEmulator) -> psutil.Process:
    """The process of an emulator."""
    return psutil.Process(int((emulator.home / "emulator.lock").read_text()))


def measured(home: Path, *, jobs: int = JOBS, blobs: int = BLOBS, versions: int = VERSIONS) -> Figures:
    """Everything, in a home that is made for it.

    Args:
        home: The home.
        jobs: How many jobs it holds.
        blobs: How many blobs.
        versions: How many versions of a model.
    """
    with running_emulator(home, "--create-workspace"):
        pass
    began = time.perf_counter()
    with running_emulator(home) as emulator:
        start = time.perf_counter() - began
        time.sleep(1)
        idle = process_of(emulator).memory_info().rss / 2**20
    fill(home, jobs=jobs, blobs=blobs, versions=versions)
    began = time.perf_counter()
    with running_emulator(home) as emulator:
        full_start, process = time.perf_counter() - began, process_of(emulator)
        rates = {}
        for scheme in ("http", "https"):
            with closing(Caller(emulator, scheme)) as caller:
                rates[scheme] = gets_per_second(caller, process)
        with closing(Caller(emulator)) as caller:
            found = pages(caller, process)
        return Figures(start, full_start, idle, rates, beside(emulator), found)


def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Path(folder) / "home")
    lines = [
        f"start: {figures.start_seconds:.2f} s; of a full home: {figures.full_start_seconds:.2f} s",
        f"idle: {figures.idle_megabytes:.0f} MB",
        *(
            f"GETs in a second of the processor, {scheme}: {rate:.0f}"
            for scheme, rate in figures.gets_per_second.items()
        ),
        f"longest GET beside lists of all blobs: {figures.beside_seconds * 1e3:.0f} ms",
    ]
    for name, of in figures.pages.items():
        times = f"{statistics.median(of.seconds) * 1e3:.1f} ms, {max(of.seconds) * 1e3:.1f} at most"
        lines.append(f"{name}: {len(of.seconds)} pages, {times}, {of.cpu_seconds * 1e3:.1f} of the processor")
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    _main()
