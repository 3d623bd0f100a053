"""``azml emulator``: the command line of the emulator."""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.emulator.emulator import Emulator

HTTP_PORT = 8080
HTTPS_PORT = 8443
SIMULATED_SECONDS = 5.0
DEFAULT_HOME = Path("~/.azml/emulator")
RECORD = "AZML_EMULATOR_RECORD"
_LAST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``azml emulator``."""
    parser.add_argument(
        "--home",
        type=Path,
        default=DEFAULT_HOME,
        metavar="DIR",
        help="folder for all that it keeps (default: %(default)s)",
    )
    parser.add_argument(
        "--http-port",
        type=_port,
        default=HTTP_PORT,
        metavar="N",
        help="port for plain http; 0 picks a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--https-port",
        type=_port,
        default=HTTPS_PORT,
        metavar="N",
        help="port for https; 0 picks a free one (default: %(default)s)",
    )
    parser.add_argument("--create-workspace", action="store_true", help="have the default workspace from the start")
    _add_conduct(parser)
    recorded = os.environ.get(RECORD)
    parser.add_argument(
        "--record",
        type=Path,
        default=Path(recorded) if recorded else None,
        metavar="DIR",
        help=f"write what Resource Manager is asked and answers to files there, without secrets (default: ${RECORD})",
    )
    _add_reset(parser)


def _add_conduct(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--simulate",
        type=_seconds,
        nargs="?",
        const=SIMULATED_SECONDS,
        metavar="SECONDS",
        help="run no job: each only takes so long (default: %(const)s), unless it says otherwise",
    )
    parser.add_argument(
        "--faults",
        default="",
        metavar="SPEC|FILE",
        help="let requests go wrong with these probabilities, e.g. 429=0.1,500=0.1,reset=0.05,lost=0.05,slow=0.05, or "
        "all that a script (.yml, .json) says",
    )
    parser.add_argument(
        "--node-seconds",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="let nodes of clusters, and compute instances, take so long to start and to stop (default: %(default)s)",
    )
    parser.add_argument(
        "--throttle", action="store_true", help="take only as many requests a second as Azure Resource Manager does"
    )


def _add_reset(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", metavar="reset", title="instead of running one")
    reset = acts.add_parser(
        "reset",
        help="delete what it has been given and has done",
        description="Delete what an emulator keeps: resources, blobs, jobs and deployments, but neither certificates "
        "nor secrets.",
    )
    reset.add_argument("--home", type=Path, default=argparse.SUPPRESS, metavar="DIR", help="its folder")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.add_argument("--environments", action="store_true", help="delete the Python environments of jobs, too")


def run(arguments: argparse.Namespace) -> int:
    """Run an emulator with parsed options until it is told to end, or empty its home.

    Returns:
        The exit code: 0; 1 when it could not start or the home could not be emptied, with the reason on standard
        error; 2 when there is nobody to ask whether to empty it.
    """
    return _reset(arguments) if arguments.act == "reset" else _serve(arguments)


def _reset(arguments: argparse.Namespace) -> int:
    from airflow_provider_azml.emulator.home import HomeInUseError, NoHomeError, reset  # noqa: PLC0415 (only here)

    home: Path = arguments.home.expanduser().resolve()
    if not arguments.yes and not sys.stdin.isatty():
        sys.stderr.write(f"azml emulator: nobody can be asked whether to delete what is in {home}: say --yes.\n")
        return 2
    if not arguments.yes:
        sys.stdout.write(f"Delete all resources, blobs, jobs and deployments in {home}? [y/N] ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            sys.stdout.write("Nothing was deleted.\n")
            return 1
    try:
        deleted = reset(home, environments=arguments.environments)
    except HomeInUseError as error:
        sys.stderr.write(f"azml emulator: {error}: stop it first.\n")
        return 1
    except NoHomeError as error:
        sys.stderr.write(f"azml emulator: {error}.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"azml emulator: {home} cannot be emptied ({error}): delete the rest yourself.\n")
        return 1
    sys.stdout.write(f"Deleted from {home}: {', '.join(deleted) or 'nothing, there was none of it'}.\n")
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    # the web server is imported when it is needed: --help is to be quick
    from airflow_provider_azml.emulator.faults.plan import FaultsError  # noqa: PLC0415
    from airflow_provider_azml.emulator.faults.script import plan_of  # noqa: PLC0415
    from airflow_provider_azml.emulator.server import CannotStartError, serve  # noqa: PLC0415
    from airflow_provider_azml.emulator.settings import Settings  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        serve(
            Settings(
                home=arguments.home.expanduser().resolve(),
                https_port=arguments.https_port,
                http_port=arguments.http_port,
                create_workspace=arguments.create_workspace,
                simulate_seconds=arguments.simulate,
                faults=plan_of(arguments.faults),
                node_seconds=arguments.node_seconds,
                throttle=arguments.throttle,
                record=arguments.record.expanduser().resolve() if arguments.record else None,
            ),
            ready=_announce,
        )
    except (CannotStartError, FaultsError) as error:
        sys.stderr.write(f"azml emulator: {error}\n")
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, run, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="azml emulator",
        description="A local Azure Machine Learning on loopback. It runs the code of jobs and deployments as you.",
    )
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to {_LAST_PORT})")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return seconds


def _announce(emulator: Emulator) -> None:
    sys.stdout.write(
        f"Azure ML emulator ready at {emulator.https_url} and {emulator.http_url}\n"
        f"To use it: source {emulator.home / 'env.sh'}\n"
        "It runs the code of jobs and deployments as you, and with all that you may do.\n"
    )
    sys.stdout.flush()
