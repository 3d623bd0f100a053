"""The console script ``azml``."""

from __future__ import annotations

import sys


def main() -> int:
    """Hand over to the command that is named first."""
    if sys.argv[1:2] == ["emulator"]:
        from airflow_provider_azml.emulator.cli import main as emulator  # noqa: PLC0415 (no other command needs it)

        return emulator(sys.argv[2:])
    usage = "usage: azml emulator [options]\n\nRun a local Azure ML. 'azml emulator --help' shows the options.\n"
    if sys.argv[1:2] in (["-h"], ["--help"]):
        sys.stdout.write(usage)
        return 0
    sys.stderr.write(usage)
    return 2
