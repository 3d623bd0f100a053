"""``azml validate``: check AML files as they would be checked before they are submitted."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.cli import sidecars
from airflow_provider_azml.cli.aml_files import candidates, opened
from airflow_provider_azml.cli.command import add_file_options
from airflow_provider_azml.cli.reading import TEMPLATE_HINT, Reading
from airflow_provider_azml.cli.templates import shown
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest.progress import amount
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.checks import is_checks
from airflow_provider_azml.spec.sidecars import is_sidecar
from airflow_provider_azml.spec.source import TEMPLATE_FAILS
from airflow_provider_azml.spec.v1 import formats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_azml.cli.aml_files import Candidate
    from airflow_provider_azml.cli.uploads import Upload
    from airflow_provider_azml.exceptions import Severity
    from airflow_provider_azml.spec.source import Source

ENDPOINT_HINT = "endpoint_name: give it in the file, or with --set endpoint_name=..."
_NO_ENDPOINT = "'endpoint_name' is missing"

_EPILOG = """\
Each problem is a line on standard output, file:line:column: dotted.path: reason; standard error ends with the counts.
A warning is of what the service refuses, a note of a key that nothing is sent for, as in 'az ml', or of a choice that
was made for a file of CLI v1: such files are taken as what they are today, and checked as that.

Templates such as {{ ds }} are filled in from --var. Those that are not are left open: their values are not judged, all
else in the file is. AML's own ${{...}} are no templates.

exit codes: 0 all is well, 1 there are errors (or, with --no-upload, uploads), 2 the command line is wrong

examples:
  azml validate jobs/train.yml
  azml validate --strict dags/
  azml validate --uploads jobs/train.yml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``azml validate``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a file; a folder, for every AML file below it that tells its kind by $schema or type, or is of CLI v1, or"
        " holds checks of deployments; or a pattern such as 'jobs/**/*.yml'",
    )
    add_file_options(parser)
    parser.add_argument(
        "--uploads",
        action="store_true",
        help="list the local files that would be uploaded to a workspace that has none of them yet",
    )
    parser.add_argument("--no-upload", action="store_true", help="fail if anything would be uploaded")


def run(arguments: argparse.Namespace) -> int:
    """Check the files, print what is wrong with them and, if asked, what they would upload."""
    report = _Report(
        Reading.of(arguments), uploads=arguments.uploads or arguments.no_upload, no_upload=arguments.no_upload
    )
    for found in candidates(arguments.files):
        if isinstance(found, Problem):
            report.tell([found])
        else:
            report.look_at(found)
    report.list_uploads()
    report.sum_up()
    return 1 if report.counts["error"] or (arguments.no_upload and report.uploaded) else 0


@dataclass
class _Report:
    """What was found so far.

    Args:
        reading: How files are read.
        uploads: Whether to find out what they would upload.
        no_upload: Whether uploads are a failure.
    """

    reading: Reading
    uploads: bool
    no_upload: bool = False
    files: int = 0
    left_out: int = 0
    counts: Counter[Severity] = field(default_factory=Counter)
    uploaded: dict[str, Upload] = field(default_factory=dict)
    told: set[Problem] = field(default_factory=set)

    def look_at(self, candidate: Candidate) -> None:
        """Check a file."""
        try:
            if is_sidecar(candidate.file):
                self.tell(sidecars.problems(candidate.file))
                self.files += 1
                return
            source = opened(candidate, self.reading.read)
            if source is None:
                self.left_out += 1
                return
            found = self.reading.problems(source)
            self.tell(found)
            # a file of v1 is nothing without another; checks upload nothing
            is_whole = formats.of(source) is None and not is_checks(source.value)
            if self.uploads and is_whole and all(problem.severity != "error" for problem in found):
                self._find_uploads(source)
        except SpecError as error:
            self.tell(error.problems)
        self.files += 1

    def tell(self, problems: Iterable[Problem]) -> None:
        """Print problems that were not printed before: two pipelines may pull in one bad component."""
        for problem in problems:
            if problem in self.told:
                continue
            self.told.add(problem)
            self.counts[problem.severity] += 1
            sys.stdout.write(f"{shown(str(problem))}\n")

    def _find_uploads(self, source: Source) -> None:
        from airflow_provider_azml.cli.uploads import uploads  # noqa: PLC0415 (azure-core, for this alone)

        for upload in uploads(source, self.reading.kind or kinds.kind_of(source)):
            known = self.uploaded.get(upload.digest)
            places = dict.fromkeys((*(known.named if known else ()), *upload.named))
            self.uploaded[upload.digest] = upload.named_at(tuple(places))

    def list_uploads(self) -> None:
        """Print each upload with what it amounts to."""
        for upload in self.uploaded.values():
            ignore = f"{_here(upload.ignore)} decides" if upload.ignore else "no ignore file"
            what = f"{_counted(len(upload.files), 'file')}, {amount(upload.size)}, {ignore}"
            sys.stdout.write(f"upload {_here(upload.path)}: {what}, hash {upload.digest}\n")
            for place in upload.named:
                sys.stdout.write(f"  named at {place}\n")
            if len(upload.files) > 1:
                sys.stdout.writelines(f"  {size:>12} {name}\n" for name, size in upload.largest)

    def sum_up(self) -> None:
        """Print the counts on standard error."""
        parts = [_counted(self.files, "file"), *(_counted(self.counts[name], name) for name in ("error", "warning"))]
        if self.counts["note"]:
            parts.append(_counted(self.counts["note"], "note"))
        if self.uploads:
            size = amount(sum(upload.size for upload in self.uploaded.values()))
            parts.append(f"{_counted(len(self.uploaded), 'upload')} ({size})")
        sys.stdout.flush()  # so that the counts come last where both go to one place
        note = self.reading.open_note()
        if note:
            sys.stderr.write(f"{note}\n")
        if any(problem.reason.startswith(TEMPLATE_FAILS) for problem in self.told):
            sys.stderr.write(f"{TEMPLATE_HINT}\n")
        if any(problem.reason == _NO_ENDPOINT for problem in self.told):
            sys.stderr.write(f"{ENDPOINT_HINT}\n")
        if self.no_upload and self.uploaded:
            sys.stderr.write(f"--no-upload: {_counted(len(self.uploaded), 'upload')} would be made\n")
        if self.left_out:
            sys.stderr.write(f"left out: {_counted(self.left_out, 'file')} that say nowhere what they are\n")
        sys.stderr.write(f"{', '.join(parts)}\n")


def _here(path: os.PathLike[str]) -> str:
    """A path as seen from the working folder, where that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
