"""PostgreSQL as Airflow's database, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.airflow.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWNER = "postgres"
_START_SECONDS = 300


def is_installed() -> bool:
    """Whether there is a server."""
    return all(map(shutil.which, ("initdb", "pg_ctl")))


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A server with an empty database, as the settings of an Airflow that uses it.

    Example:
        >>> with postgres() as database, Stack(home, dags, database) as stack: ...
    """
    root = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = _OWNER if os.geteuid() == 0 else None  # it refuses to run as root
    if user:
        shutil.chown(root, user)
    (port,) = free_ports(1)
    data, log = root / "data", root / "log"

    def run(*command: object) -> None:
        words = [str(word) for word in command]
        subprocess.run(words, user=user, cwd=root, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    run("initdb", "-A", "trust", "-U", _OWNER, "--no-sync", "-E", "UTF8", data)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories= -c max_connections=300"
    run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "-t", _START_SECONDS, "start")
    try:
        yield {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{_OWNER}@127.0.0.1:{port}/postgres"}
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(root)
