"""``azml translate``: what AML files amount to."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_azml.cli import v1_files, yaml_files
from airflow_provider_azml.cli.command import add_file_options, nested
from airflow_provider_azml.cli.dag_file import dag_file, refusal
from airflow_provider_azml.cli.offline import Offline, Request, named_again
from airflow_provider_azml.cli.reading import TEMPLATE_HINT, Reading
from airflow_provider_azml.cli.secrets import hidden
from airflow_provider_azml.cli.templates import shown
from airflow_provider_azml.cli.written_files import add_force_option
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import TEMPLATE_FAILS
from airflow_provider_azml.spec.target import Target
from airflow_provider_azml.spec.v1 import formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_azml.cli.offline import Blobs, Sent
    from airflow_provider_azml.cli.v1_files import Product
    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_EPILOG = """\
Nothing is sent, and neither network nor credentials are needed. Requests are shown in the order in which the file asks
for them; those that do not depend on each other are really sent beside each other. <...> stands for what only the
service knows, for what is made up anew each time, and for secrets. Look-ups are answered as by a workspace that has
all that the file refers to and nothing of what it brings along.

exit codes: 0 translated, 1 the file has errors, 2 the command line is wrong

Files of CLI v1 that belong together are given together, and known by what is in them: a pipeline and its schedule, a
run configuration and its hdconfig, an inference configuration and a deployment configuration. --to yaml makes files of
CLI v2 of them, with a comment wherever a choice was made. With --kind component a pipeline becomes what publishing it
makes today.

A DAG file does what azml_dag() of the AML file does. It is to stand beside that file, where the components and the code
lie that it names; the AML file itself it does not need.

examples:
  azml translate train.yml
  azml translate train.yml --json | jq '.steps[-1].body'
  azml translate pipeline.yml --to dag > pipeline.py
  azml translate old/pipeline.yml old/schedule.yml --to yaml -o new
  azml translate old/pipeline.yml --kind component --name retrain --to yaml > retrain.yml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``azml translate``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="an AML file, or files of CLI v1")
    parser.add_argument(
        "--to",
        choices=("rest", "dag", "yaml"),
        default="rest",
        help="rest: the requests to the service (default); dag: a DAG file in Python, of a job, pipeline or schedule;"
        " yaml: files of CLI v2, of files of CLI v1",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="folder for YAML files; standard output takes one"
    )
    add_force_option(parser)
    add_file_options(parser)
    v1_files.add_options(parser)
    where = parser.add_argument_group("the workspace that it would be sent to")
    for name in ("subscription-id", "resource-group", "workspace"):
        where.add_argument(f"--{name}", default=f"<{name}>", metavar="NAME", help="default: %(default)s")


def run(arguments: argparse.Namespace) -> int:
    """Print the requests that submitting the files would send, or make a DAG file or YAML files of them."""
    act = {"rest": _print_requests, "dag": _print_dag_file, "yaml": _write_yaml}[arguments.to]
    refused = _refusal(arguments)
    if refused:
        sys.stderr.write(f"{refused}\n")
        return 2
    try:
        return act(arguments)
    except SpecError as error:
        _complain(error.problems)
        if any(problem.reason.startswith(TEMPLATE_FAILS) for problem in error.problems):
            sys.stderr.write(f"{TEMPLATE_HINT}\n")
        return 1


def _refusal(arguments: argparse.Namespace) -> str | None:
    """Why the options cannot be had together; ``None`` if they can."""
    if arguments.to == "yaml":
        return yaml_files.refusal(arguments)
    if arguments.output or arguments.force:
        return f"--{'output' if arguments.output else 'force'} goes with --to yaml"
    if arguments.to == "dag":
        return "--to dag takes one file" if arguments.files[1:] else refusal(arguments)
    return None


def _print_requests(arguments: argparse.Namespace) -> int:
    reading = Reading.of(arguments)
    target = Target(
        arm_ids.WorkspaceId(arguments.subscription_id, arguments.resource_group, arguments.workspace), CLOUDS["public"]
    )
    found = []
    for product in _products(arguments, reading):
        source = formats.source_of(product.translation)
        kind = arguments.kind or product.translation.kind
        _complain(kinds.check(source, kind, strict=arguments.strict))
        found.append((product, kind, requests(source, kind, target)))
    if arguments.json:
        objects = [as_object(_file(product), kind, sent) for product, kind, sent in found]
        text = json.dumps(objects if len(objects) > 1 else objects[0], indent=2, ensure_ascii=False) + "\n"
    else:
        text = "\n".join(as_text(_file(product), kind, sent) for product, kind, sent in found)
    sys.stdout.write(shown(text))
    return 0


def _write_yaml(arguments: argparse.Namespace) -> int:
    made = _products(arguments, replace(Reading.of(arguments), templates=None))
    for product in made:
        _complain(kinds.check(formats.source_of(product.translation), product.translation.kind, strict=True))
    written = yaml_files.files_of(made, arguments.output or Path())
    files = written.files
    if arguments.output:
        yaml_files.write(written, force=arguments.force)
    elif len(files) == 1:
        sys.stdout.writelines(written.texts.values())
    else:
        sys.stderr.write(
            f"{len(files)} files come of it: {', '.join(map(str, files))}; give a folder for them, -o FOLDER\n"
        )
        return 2
    return 0


def _products(arguments: argparse.Namespace, reading: Reading) -> Sequence[Product]:
    files = [reading.as_written(file) for file in arguments.files]
    return v1_files.products(files, arguments, reading.overrides)


def _file(product: Product) -> Path:
    """The file that something was made of; the last of several, which is what the others are for."""
    return product.origins[-1].file or Path()


def _print_dag_file(arguments: argparse.Namespace) -> int:
    text, wrong = dag_file(arguments.files[0], nested(arguments.set), strict=arguments.strict)
    _complain(wrong)
    sys.stdout.write(text)
    return 1 if wrong else 0


def requests(source: Source, kind: str, target: Target) -> Sequence[Sent]:
    """What submitting a checked source would send, with marks for names that are made up.

    Raises:
        SpecError: A local path cannot be uploaded.
    """
    driver = Offline.for_kind(kind)
    ticket = driver.run(kinds.submit(source, kind, target))
    return named_again(driver.sent, _made_up(driver.sent, ticket.arm_id, source.value))


def as_object(file: Path, kind: str, sent: Iterable[Sent]) -> Json:
    """A JSON object: file, kind and the steps."""
    steps = [_request_object(step) if isinstance(step, Request) else _blobs_object(step) for step in sent]
    return {"file": str(file), "kind": kind, "steps": steps}


def as_text(file: Path, kind: str, sent: Sequence[Sent]) -> str:
    """The steps as the HTTP files of editors have them: ``###`` before each, ``#`` before a remark."""
    requests_ = sum(isinstance(step, Request) for step in sent)
    counts = f"requests: {requests_}, uploads: {len(sent) - requests_}"
    head = f"# {file} ({kind.replace('_', ' ')}): {counts}; nothing was sent\n"
    parts = [_request_text(step) if isinstance(step, Request) else _blobs_text(step) for step in sent]
    return head + "".join(f"\n### {place}\n{part}" for place, part in enumerate(parts, start=1))


def _request_object(step: Request) -> Json:
    shown_ = {"step": "request", "method": step.method, "url": _url(step), "query": dict(step.query)}
    body = {} if step.body is None else {"body": hidden(step.body)}
    return {**shown_, **body, **({"assumed": step.assumed} if step.assumed else {})}


def _blobs_object(step: Blobs) -> Json:
    files = [{"file": str(file.path), "blob": name, "bytes": file.size} for file, name in step.files]
    return {"step": "upload", "container": unquote(step.container), "bytes": step.size, "files": files}


def _request_text(step: Request) -> str:
    remark = f"# assumed: {step.assumed}\n" if step.assumed else ""
    query = "&".join(f"{name}={value}" for name, value in step.query.items())
    body = "" if step.body is None else json.dumps(hidden(step.body), indent=2, ensure_ascii=False) + "\n"
    return f"{remark}{step.method} {_url(step)}{'?' if query else ''}{query}\n" + (f"\n{body}" if body else "")


def _blobs_text(step: Blobs) -> str:
    files = "".join(f"#   {name} ({file.size} bytes)\n" for file, name in step.files)
    return f"# upload {step.size} bytes to {unquote(step.container)}\n{files}"


def _url(step: Request) -> str:
    return unquote(step.url)


def _made_up(sent: Iterable[Sent], made: str, value: Mapping[str, Any]) -> dict[str, str]:
    """The names that nobody chose, which differ each time, and what to show for them."""
    names: dict[str, str] = {}
    for step in sent:
        known = _known(step)
        if known and known.kind == "code":
            names.setdefault(known.name, f"<name of code {len(names) + 1}>")
        if known and known.kind == "template_deployment":
            suffix = known.name.rpartition("-")[2]  # and more of it in the names of what stands in the template
            longer = re.findall(rf"{suffix}[0-9a-f]*", json.dumps(step.body if isinstance(step, Request) else None))
            names |= dict.fromkeys([suffix, *longer], "<suffix>")
    if not value.get("name"):
        names.setdefault(arm_ids.parse(made).name, "<made-up name>")
    return names


def _known(step: Sent) -> arm_ids.ArmId | None:
    if not isinstance(step, Request):
        return None
    path = step.url.rpartition("/")[0] if step.method == "POST" or step.url.endswith("/versions") else step.url
    try:
        return arm_ids.parse(path)
    except ValueError:
        return None


def _complain(problems: Iterable[Problem]) -> None:
    for problem in problems:
        sys.stderr.write(f"{shown(str(problem))}\n")
