"""``azml folder``: folders that belong to a workspace."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from airflow_provider_azml.cli.sign_in import subscription_of_environment
from airflow_provider_azml.cli.written_files import add_force_option, write
from airflow_provider_azml.exceptions import AzmlError, ConnectionIncomplete
from airflow_provider_azml.spec.v1 import folder_samples
from airflow_provider_azml.spec.workspace_configs import FILE, FOLDER, WorkspaceConfig

_EPILOG = """\
Writes .azureml/config.json, which names the workspace, and, where they are not there yet, two sample run configurations
(local and docker), conda_dependencies.yml and .amlignore. AzmlHook and operators with config_path= find the workspace
by it, and so do azure-ai-ml and azureml-core. Nothing is sent.

The subscription is that of --subscription, else of AZML_SUBSCRIPTION_ID or AZURE_SUBSCRIPTION_ID, else the one that
'az account set' made the default.

exit codes: 0 attached, 1 the folder belongs to another workspace (--force attaches it anew, and keeps the samples),
2 the command line is wrong

examples:
  azml folder attach -w myworkspace -g myresourcegroup
  azml folder attach -w myworkspace -g myresourcegroup -s 0a1b... -e forecasts -p ../forecasts
"""
_PROFILE = "azureProfile.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``azml folder`` does, and the options of each."""
    acts = parser.add_subparsers(metavar="ACT", required=True)
    attach = acts.add_parser(
        "attach",
        help="say which workspace a folder belongs to, with samples to begin with",
        description="Say which workspace a folder belongs to, with samples to begin with.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    attach.add_argument("-w", "--workspace", "--workspace-name", required=True, metavar="NAME", help="the workspace")
    attach.add_argument("-g", "--resource-group", required=True, metavar="NAME", help="its resource group")
    attach.add_argument("-s", "--subscription", "--subscription-id", metavar="ID", help="its subscription")
    attach.add_argument("-e", "--experiment-name", metavar="NAME", help="the experiment; by default the folder's name")
    attach.add_argument(
        "-p", "--path", type=Path, default=Path(), metavar="FOLDER", help="the folder; by default this one"
    )
    add_force_option(attach)
    attach.set_defaults(act=run_attach)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    code: int = arguments.act(arguments)
    return code


def run_attach(arguments: argparse.Namespace) -> int:
    """Write what names the workspace of a folder, and the samples."""
    folder: Path = arguments.path
    if folder.exists() and not folder.is_dir():
        sys.stderr.write(f"{folder}: is no folder\n")
        return 2
    try:
        subscription_id = arguments.subscription or subscription_of_environment() or _of_azure_cli()
    except ConnectionIncomplete as error:
        sys.stderr.write(f"{error}\n")
        return 2
    experiment = arguments.experiment_name or folder.absolute().resolve().name
    config = WorkspaceConfig(subscription_id, arguments.resource_group, arguments.workspace, experiment)
    samples = {folder / path: text for path, text in folder_samples.texts().items()}
    texts = {folder / FOLDER / FILE: f"{json.dumps(config.body(), indent=2)}\n", **samples}
    try:
        write(texts, force=arguments.force, kept=samples)
    except AzmlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _of_azure_cli() -> str:
    """The subscription that ``az account set`` made the default.

    Source: azure-cli-core, ``_profile``: the file ``azureProfile.json`` in ``AZURE_CONFIG_DIR``, else ``~/.azure``.
    """
    file = Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure") / _PROFILE
    try:
        known = json.loads(file.read_text("utf-8-sig"))["subscriptions"]
        return next(str(one["id"]) for one in known if one.get("isDefault"))
    except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
        told = "give --subscription, or AZML_SUBSCRIPTION_ID, or run 'az account set'"
        raise ConnectionIncomplete(f"no subscription is named; {told}") from error
