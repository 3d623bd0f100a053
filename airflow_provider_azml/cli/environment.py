"""``azml environment``: environments as files of CLI v1."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.cli.sign_in import add_workspace_options, signed_in, workspace_of
from airflow_provider_azml.cli.written_files import add_force_option, refuse_present, write
from airflow_provider_azml.exceptions import AzmlError, ConnectionIncomplete
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.versions import newest_version
from airflow_provider_azml.spec.v1 import environment_files

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json

_SCAFFOLD = """\
The two files are a template of an environment, which can be registered as it is: AzmlRegisterEnvironmentOperator,
AzmlApplyOperator and AzmlHook.apply take azureml_environment.json. Nothing is sent.

exit codes: 0 written, 1 there are such files already (--force writes over them), or the name cannot be had,
2 the command line is wrong

examples:
  azml environment scaffold -n myenv -d myenvdirectory
"""
_DOWNLOAD = """\
Signs in with azure-identity's default credential: the environment, a managed identity, 'az login' ... The cloud is
that of ARM_CLOUD_METADATA_URL, else of AZUREML_CURRENT_CLOUD, else the public one.

exit codes: 0 written, 1 there is no such environment, or there are such files already, 2 the command line is wrong

examples:
  azml environment download -n myenv -d downloaddirectory --resource-group ml --workspace forecasts
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``azml environment`` does, and the options of each."""
    acts = parser.add_subparsers(metavar="ACT", required=True)
    begun = _act(acts, "scaffold", "write the template files of an environment", _SCAFFOLD)
    begun.set_defaults(act=run_scaffold)
    loaded = _act(acts, "download", "write the files of a registered environment", _DOWNLOAD)
    loaded.add_argument("--version", "--environment-version", metavar="VERSION", help="its version; the newest")
    add_workspace_options(loaded)
    loaded.set_defaults(act=run_download)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    code: int = arguments.act(arguments)
    return code


def run_scaffold(arguments: argparse.Namespace) -> int:
    """Write the template files of an environment."""
    folder: Path = arguments.directory
    try:
        texts = {folder / name: text for name, text in environment_files.scaffold(arguments.name).items()}
        write(texts, force=arguments.force)
    except AzmlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def run_download(arguments: argparse.Namespace) -> int:
    """Write the files of a registered environment."""
    folder: Path = arguments.directory
    try:
        workspace = workspace_of(arguments)
    except ConnectionIncomplete as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        refuse_present([folder / environment_files.FILE], force=arguments.force)  # before anybody is asked
        with signed_in() as client:
            body = client.run(registered(workspace, arguments.name, arguments.version))
        written = environment_files.written(body)
        write({folder / name: text for name, text in written.items()}, force=arguments.force)
    except AzmlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def registered(workspace: WorkspaceId, name: str, version: str | None) -> Flow[Json]:
    """A registered environment; its newest version where none is named.

    Raises:
        NotFound: There is none.
    """
    if version is None:
        return (yield from newest_version(workspace.child("environment", name)))
    return (yield from flows.get(workspace.child("environment", name, version)))


def _act(
    acts: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, epilog: str
) -> argparse.ArgumentParser:
    """An act with the options that both have."""
    made = acts.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=epilog,
    )
    made.add_argument("-n", "--name", required=True, metavar="NAME", help="name of the environment")
    made.add_argument(
        "-d", "--directory", type=Path, default=Path(), metavar="FOLDER", help="where to; by default this folder"
    )
    add_force_option(made)
    return made
