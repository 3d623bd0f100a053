"""Runs the entry script of a parallel or batch job over mini-batches, in as many processes as it may.

A job gets a copy of this file as ``driver/amlbi_main.py``, and runs it with the Python of its environment: so it uses
the standard library alone, of any Python that jobs may ask for.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline (the script's functions,
thresholds, retries and their defaults), how-to-debug-parallel-run-step and how-to-troubleshoot-batch-endpoints (the
logs); issues of Azure/MachineLearningNotebooks: 1930 (the exit code 42), 1429 (words of the overview, as in issue 30421
of Azure/azure-sdk-for-python). What else the logs say is in the emulator's own words.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import shutil
import sys
import threading
import time
import traceback
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_LOGS = Path("logs")
_OVERVIEW, _ERRORS = _LOGS / "job_progress_overview.txt", _LOGS / "user" / "error.txt"
_FAILED = 42
_INIT_SECONDS = 600
_END_SECONDS = 10
_TELL_SECONDS = 1
_NO_RESULTS = (
    "No succeeded mini batch item returned from run(). Please check 'response: run()' in "
    "https://aka.ms/batch-inference-documentation."
)
_PROCESSES = multiprocessing.get_context("spawn")


class JobError(Exception):
    """The whole job fails."""


class Batches:
    """The mini-batches: which are left, and what has come of the others.

    Args:
        files: The files, in order.
        options: What the job asks for.
    """

    def __init__(self, files: list[str], options: argparse.Namespace) -> None:
        size = max(1, options.mini_batch_size)
        self._options = options
        starts = range(0, len(files), size)
        self._left = deque((number, files[start : start + size]) for number, start in enumerate(starts))
        self._lock = threading.Lock()
        self.count = len(self._left)
        self.processed = self.failed = self.failed_items = self.results = 0
        self.rows: dict[int, list[str]] = {}
        self.error: str | None = None
        self._began = self._told = time.monotonic()

    def next(self) -> tuple[int, list[str]] | None:
        """A mini-batch, as ``(number, files)``, or ``None`` when there is no more."""
        with self._lock:
            return self._left.popleft() if self._left and not self.error else None

    def done(self, number: int, files: list[str], rows: list[str], count: int) -> None:
        """Note what the script has made of a mini-batch: how many results, and the rows that they are."""
        with self._lock:
            self.processed += 1
            self.results += count
            self.rows[number] = rows
            if count < len(files):
                self._note_failure(number, len(files) - count, f"{count} results for {len(files)} items")
            self._tell_sometimes()

    def gave_up(self, number: int, files: list[str], reason: str) -> None:
        """Note that a mini-batch has failed, retries and all."""
        with self._lock:
            self.processed += 1
            self._note_failure(number, len(files), reason)
            self._tell_sometimes()

    def end(self, error: str) -> None:
        """Let the whole job fail."""
        with self._lock:
            self.error = self.error or error

    def tell(self) -> None:
        """Say how far the job is."""
        self._told = time.monotonic()
        took = timedelta(seconds=round(self._told - self._began))
        left = timedelta(seconds=(self.count - self.processed) * took.seconds // max(1, self.processed))
        said = f"Processed {self.processed} of {self.count} mini"
        say(
            f"{said}-batches, of which {self.failed} failed.",
            f"{said} batches in {took}. Estimated remaining time {left}.",
        )

    def _tell_sometimes(self) -> None:
        if self.processed < self.count and time.monotonic() - self._told >= _TELL_SECONDS:
            self.tell()

    def _note_failure(self, number: int, items: int, reason: str) -> None:
        said = f"Mini-batch {number} failed: {reason}"
        say(said)
        note(_ERRORS, said)
        self.failed += 1
        self.failed_items += items
        options, of_items = self._options, ("items", self.failed_items, self._options.error_threshold)
        for what, failed, allowed in (of_items, ("mini-batches", self.failed, options.mini_batch_error_threshold)):
            if 0 <= allowed < failed and self.error is None:
                self.error = f"The number of failed {what}, {failed}, is above the error threshold of {allowed}."
        if self.failed * 100 > options.allowed_failed_percent * self.count and self.error is None:
            self.error = f"More than {options.allowed_failed_percent} percent of the mini-batches failed."


class Worker:
    """A process that has run the script's ``init()``.

    Args:
        number: Its number.
        options: What the job asks for.
        arguments: The script's arguments.
    """

    def __init__(self, number: int, options: argparse.Namespace, arguments: list[str]) -> None:
        self._pipe, end = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(target=work, args=(number, options.entry_script, arguments, end))
        self._process.start()
        end.close()
        good, said = self._answer(_INIT_SECONDS)
        if not good:
            self.kill()
            raise JobError(f"init() of {options.entry_script} failed: {said}")

    def run(self, files: list[str], seconds: float) -> tuple[bool, Any]:
        """Whether ``run()`` has worked for a mini-batch, and what came of it: ``(rows, count)`` or the reason."""
        with suppress(OSError):
            # of a process that has ended meanwhile there is no answer, which is told below
            self._pipe.send(files)
        return self._answer(seconds)

    def close(self) -> None:
        """Let the script shut down, and end."""
        with suppress(OSError):
            self._pipe.send(None)
        self._process.join(_END_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _answer(self, seconds: float) -> tuple[bool, Any]:
        try:
            if self._pipe.poll(seconds):
                answer: tuple[bool, Any] = self._pipe.recv()
                return answer
        except (EOFError, OSError):
            return False, "the process ended by itself"
        return False, f"it took longer than {seconds} seconds"


def work(number: int, entry_script: str, arguments: list[str], pipe: Connection[Any, Any]) -> None:
    """The life of a worker's process: mini-batches come through a pipe, results go back."""
    redirect(number)
    sys.argv = [entry_script, *arguments]
    sys.path[0] = str(Path(entry_script).resolve().parent)
    try:
        script = importlib.import_module(Path(entry_script).stem)
        script.init()
    except BaseException:  # noqa: BLE001 (whatever it is, the job says it)
        pipe.send((False, traceback.format_exc()))
        return
    pipe.send((True, None))
    for files in iter(pipe.recv, None):
        try:
            results = script.run(files)
            pipe.send((True, (rows_of(results), len(results))))
        except BaseException:  # noqa: BLE001 (as above)
            pipe.send((False, traceback.format_exc()))
    if hasattr(script, "shutdown"):
        script.shutdown()


def redirect(number: int) -> None:
    """Have what a worker prints in files of its own."""
    for stream, descriptor in (("stdout", 1), ("stderr", 2)):
        folder = _LOGS / "user" / stream / "0"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"process{number:03}.{stream}.txt").open("ab") as file:
            os.dup2(file.fileno(), descriptor)


def rows_of(results: Any) -> list[str]:
    """The lines that results of ``run()`` are in the file that all are appended to."""
    if hasattr(results, "to_csv"):
        text: str = results.to_csv(header=False, index=False, sep=" ")
        return text.splitlines()
    return [str(result) for result in results]


class Lane:
    """Gives mini-batches to a worker, and to a new one when that had to be ended, until there is no more.

    Args:
        number: Its number.
        batches: The mini-batches.
        options: What the job asks for.
        arguments: The script's arguments.
    """

    def __init__(self, number: int, batches: Batches, options: argparse.Namespace, arguments: list[str]) -> None:
        self._number = number
        self._batches = batches
        self._options = options
        self._arguments = arguments
        self._worker: Worker | None = None

    def serve(self) -> None:
        """Do its part."""
        try:
            while (batch := self._batches.next()) is not None:
                self._attempt(*batch)
        except JobError as error:
            note(_ERRORS, str(error))
            self._batches.end(str(error))
        finally:
            if self._worker:
                self._worker.close()

    def _attempt(self, batch: int, files: list[str]) -> None:
        reason = ""
        for _ in range(self._options.max_retries + 1):
            worker = self._worker = self._worker or Worker(self._number, self._options, self._arguments)
            good, said = worker.run(files, self._options.timeout)
            if good:
                self._batches.done(batch, files, *said)
                return
            reason = str(said)
            worker.kill()
            self._worker = None
        self._batches.gave_up(batch, files, reason)


def files_of(path: str) -> list[str]:
    """The files of the input, in order.

    Raises:
        JobError: There are none, or it is a table.
    """
    place = Path(path)
    if place.is_file():
        return [str(place)]
    listed = place / "MLTable"
    found = listed_files(listed) if listed.is_file() else place.rglob("*")
    files = sorted(str(file) for file in found if file.is_file())
    if not files:
        raise JobError(f"There are no files in the input {path}.")
    return files


def listed_files(table: Path) -> Iterator[Path]:
    """The files that an ``MLTable`` lists by paths relative to its own.

    Raises:
        JobError: It says how to make a table of them.

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-mltable
    """
    # every job's environment has it, by way of MLflow
    import yaml  # noqa: PLC0415

    content = yaml.safe_load(table.read_text(encoding="utf-8")) or {}
    if content.get("transformations"):
        raise JobError("The input is a table; the emulator runs parallel jobs over files alone.")
    for entry in content.get("paths") or ():
        for kind, text in entry.items():
            name = str(text).removeprefix("./").strip("/")
            if "://" in name:
                raise JobError(f"The MLTable of the input names {name}; the emulator finds files beside it alone.")
            if kind == "file":
                yield table.parent / name
            else:
                yield from table.parent.glob(name) if kind == "pattern" else (table.parent / name).rglob("*")


def append(path: str, rows: list[str]) -> None:
    """Write all rows to the file that they are appended to; to a folder, under the name that the service gives it."""
    target = Path(path)
    if target.is_dir():
        target = target / "parallel_run_step.txt"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def say(text: str, overview: str = "") -> None:
    """Tell of the job's progress; in the overview in the service's words, where they are known."""
    print(text, flush=True)  # noqa: T201 (the job's log)
    note(_OVERVIEW, f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%f} {overview or text}")


def note(log: Path, line: str) -> None:
    """Add a line to a log, e.g. to the summary of what the script did wrong."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def prepare(options: argparse.Namespace) -> None:
    """Let the processes find the model, and the folder for what they write by themselves."""
    if options.output_path:
        os.environ["AZUREML_BI_OUTPUT_PATH"] = options.output_path
    if options.model_folder:
        # a folder keeps its name below AZUREML_MODEL_DIR, as a file does
        home = Path("azureml-models").absolute()
        shutil.copytree(options.model, home / options.model_folder, copy_function=os.link)
        os.environ["AZUREML_MODEL_DIR"] = str(home)
    elif options.model:
        os.environ["AZUREML_MODEL_DIR"] = str(Path(options.model).parent)


def process(options: argparse.Namespace, arguments: list[str]) -> None:
    """Run the job.

    Raises:
        JobError: It fails.
    """
    prepare(options)
    batches = Batches(files_of(options.input_data), options)
    count = min(options.process_count, batches.count)
    scheduled = f"Scheduled {batches.count} mini-batches for {count} processes."
    say(scheduled, f"Scheduling finished. Scheduled {batches.count} mini batches in 0 seconds.")
    threads = [threading.Thread(target=Lane(number, batches, options, arguments).serve) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if options.append_row_to:
        append(options.append_row_to, [row for number in sorted(batches.rows) for row in batches.rows[number]])
    batches.tell()
    if batches.error:
        raise JobError(batches.error)
    if options.needs_results and not batches.results:
        raise JobError(_NO_RESULTS)


def options_of(given: list[str], arguments: list[str]) -> argparse.Namespace:
    """What the job asks for, on the command line or, where it is so documented, among the script's arguments."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--entry_script", required=True)
    parser.add_argument("--input_data", required=True)
    for name in ("append_row_to", "model", "model_folder", "needs_results", "output_path"):
        parser.add_argument(f"--{name}", default="")
    for name, default in (("mini_batch_size", 1), ("process_count", os.cpu_count() or 1), ("max_retries", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--mini_batch_error_threshold", type=int, default=-1)
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument("--error_threshold", type=int)
    shared.add_argument("--allowed_failed_percent", type=int)
    own, rest = shared.parse_known_args(given)
    theirs, _ = shared.parse_known_args(arguments)
    options = parser.parse_args(rest)
    for name, default in (("error_threshold", -1), ("allowed_failed_percent", 100)):
        found = (value for value in (getattr(theirs, name), getattr(own, name)) if value is not None)
        setattr(options, name, next(found, default))
    return options


def main() -> None:
    """Run the job that the command line describes; arguments after ``--`` are the script's."""
    given = sys.argv[1:]
    split = given.index("--") if "--" in given else len(given)
    arguments = given[split + 1 :]
    options = options_of(given[:split], arguments)
    error = None
    try:
        process(options, arguments)
    except JobError as failure:
        error = str(failure)
    say(f"The job failed. {error}" if error else "The job completed.")
    (_LOGS / "job_result.txt").write_text(error or "The job completed.", encoding="utf-8")
    sys.exit(_FAILED if error else 0)


if __name__ == "__main__":
    main()
