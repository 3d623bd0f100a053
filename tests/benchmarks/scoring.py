"""What scoring many records costs, beside a plain loop of aiohttp that does the same.

::

    python -m tests.benchmarks.scoring --records 100000 --batch-size 1 --concurrency 16

Both read the same file, send the same batches to the same server, in a process of its own, which answers at once, and
write the same lines to a file. They run in turn; the figures are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "key-1"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class _Answering(asyncio.Protocol):
    """Answers a number for each record, without looking at any."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            head = self.held[:end].lower()
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self.held) < end + 4 + size:
                return
            body, self.held = self.held[end + 4 : end + 4 + size], self.held[end + 4 + size :]
            answer = b"[%b]" % b",".join([b"0.25"] * (body.count(b"}") - 1))
            self.transport.write(_HEAD % (len(answer), answer))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 (whoever started it reads it)
    await server.serve_forever()


@contextmanager
def answering() -> Iterator[str]:
    """A server that answers at once, in a process of its own; its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.scoring", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/score"
        finally:
            process.terminate()


def write_records(file: Path, count: int) -> None:
    """A file of records, as a table of measurements has them."""
    with file.open("w") as opened:
        for number in range(count):
            record = {"id": number, "petal": number % 7 / 2, "sepal": number % 11 / 3, "place": "a garden", "wet": True}
            opened.write(f"{json.dumps(record)}\n")


def plain(url: str, records: Path, output: Path, *, batch_size: int, concurrency: int) -> None:
    """Score them by a plain loop of aiohttp."""
    import aiohttp

    async def loop() -> None:
        with records.open("rb") as opened, output.open("wb") as written:

            def batches() -> Iterator[tuple[int, list[Any]]]:
                batch: list[Any] = []
                first = 0
                for line in opened:
                    batch.append(json.loads(line))
                    if len(batch) == batch_size:
                        yield first, batch
                        first += len(batch)
                        batch = []
                if batch:
                    yield first, batch

            left = batches()
            connector = aiohttp.TCPConnector(limit=concurrency)
            async with aiohttp.ClientSession(
                connector=connector, headers={"Authorization": f"Bearer {KEY}"}
            ) as session:

                async def lane() -> None:
                    for first, batch in left:
                        async with session.post(url, json={"data": batch}) as response:
                            response.raise_for_status()
                            answers = await response.json()
                        for index, answer in enumerate(answers, first):
                            written.write(f"{json.dumps({'index': index, 'answer': answer})}\n".encode())

                await asyncio.gather(*[lane() for _ in range(concurrency)])

    asyncio.run(loop())


@contextmanager
def operator_of(url: str, folder: Path) -> Iterator[Callable[..., None]]:
    """The operator, and an endpoint whose scoring URI is that one."""
    from tests.operators.conftest import SignedIn
    from tests.rest.scoring_service import ScoringService

    class Endpoint(ScoringService, SignedIn):
        """Says where the scoring URI is, and nothing more."""

    endpoint = Endpoint(folder)
    endpoint.open()
    endpoint.scoring_uri, endpoint.secret = url, KEY
    os.environ["AIRFLOW_CONN_AZML_DEFAULT"] = endpoint.connection

    def score(records: Path, output: Path, **how: Any) -> None:
        from airflow_provider_azml.operators import AzmlScoreOperator

        operator = AzmlScoreOperator(
            task_id="score", endpoint_name="iris", records=str(records), output_file=str(output), **how
        )
        operator.check_arguments()
        ti = Mock(dag_id="scoring", run_id="today", task_id="score", map_index=-1, max_tries=0)
        context: Any = {"ti": ti, "dag_run": Mock(start_date=datetime.now(timezone.utc))}
        operator.submit(context)

    try:
        yield score
    finally:
        endpoint.close()


def measured(records: int, batch_size: int, concurrency: int, rounds: int) -> dict[str, float]:
    """Seconds and processor seconds of both, and how they compare."""
    taken: dict[str, list[float]] = {name: [] for name in ("plain", "plain cpu", "ours", "ours cpu")}
    with tempfile.TemporaryDirectory() as name, answering() as url:
        folder = Path(name)
        file = folder / "records.jsonl"
        write_records(file, records)
        with operator_of(url, folder) as score:
            how = {"batch_size": batch_size, "concurrency": concurrency}
            ways: dict[str, Callable[..., None]] = {
                "plain": lambda output: plain(url, file, output, **how),
                "ours": lambda output: score(file, output, **how),
            }
            for _ in range(rounds):
                for way, does in ways.items():
                    wall, cpu = time.perf_counter(), time.process_time()
                    does(folder / f"{way}.jsonl")
                    taken[way].append(time.perf_counter() - wall)
                    taken[f"{way} cpu"].append(time.process_time() - cpu)
            written = {way: sorted((folder / f"{way}.jsonl").read_bytes().splitlines()) for way in ways}
            assert written["plain"] == written["ours"]
    found = {name: statistics.median(times) for name, times in taken.items()}
    ratios = [ours / plain for ours, plain in zip(taken["ours"], taken["plain"], strict=True)]
    return {
        "records": records,
        "batch size": batch_size,
        "concurrency": concurrency,
        "seconds, plain loop": found["plain"],
        "seconds, operator": found["ours"],
        "seconds, operator beside plain loop": statistics.median(ratios),
        "processor seconds, plain loop": found["plain cpu"],
        "processor seconds, operator": found["ours cpu"],
        "processor seconds, operator beside plain loop": min(taken["ours cpu"]) / min(taken["plain cpu"]),
    }


def peak_megabytes(records: int, batch_size: int, concurrency: int) -> float:
    """Memory that scoring takes at most, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.scoring", "--peak", "--records", str(records)]
    command += ["--batch-size", str(batch_size), "--concurrency", str(concurrency)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(ran.stdout.strip().splitlines()[-1])


def _peak(records: int, batch_size: int, concurrency: int) -> float:
    with tempfile.TemporaryDirectory() as name, answering() as url:
        folder = Path(name)
        write_records(folder / "records.jsonl", records)
        with operator_of(url, folder) as score:
            score(folder / "records.jsonl", folder / "out.jsonl", batch_size=batch_size, concurrency=concurrency)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="be the server")
    parser.add_argument("--peak", action="store_true", help="print how much memory it takes")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(_serve())
    elif given.peak:
        print(_peak(given.records, given.batch_size, given.concurrency))  # noqa: T201 (the figure)
    else:
        found = measured(given.records, given.batch_size, given.concurrency, given.rounds)
        for records in (given.records, 10 * given.records):
            found[f"megabytes at most, {records} records"] = peak_megabytes(
                records, given.batch_size, given.concurrency
            )
        print(json.dumps(found, indent=1))  # noqa: T201 (the figures)


if __name__ == "__main__":
    main()
