"""Processes of jobs, environments and servers: what they inherit, and how they are ended, as whole groups."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_INHERITED = frozenset({
    "CUDA_VISIBLE_DEVICES",
    "CURL_CA_BUNDLE",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
})
_INHERITED_PREFIXES = ("LC_", "PIP_", "UV_")
_PROXIES = frozenset({"http_proxy", "https_proxy", "no_proxy", "all_proxy"})

GRACE_SECONDS = 5.0
"""How long a process group may take to end by itself after SIGTERM."""


def inherited_environment() -> dict[str, str]:
    """What a child process sees of this process's environment.

    The emulator runs other people's code, so a variable is passed on because it is known to be needed (locale, proxies,
    where packages come from), not because it happens to be there: no credential of the emulator's caller is.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name.startswith(_INHERITED_PREFIXES) or name.lower() in _PROXIES
    }


async def end_group(process: Process, grace_seconds: float = GRACE_SECONDS) -> None:
    """End a process that leads a group, with everything in that group: SIGTERM, then SIGKILL.

    Args:
        process: Started with ``start_new_session=True``.
        grace_seconds: How long it may take to end by itself.
    """
    try:
        if process.returncode is None:
            signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), grace_seconds)
    finally:
        # what the leader left behind is nobody's any more; no less so when the grace itself is cut short
        signal_group(process.pid, signal.SIGKILL)
    await process.wait()


@asynccontextmanager
async def output_pipe(limit: int) -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe for a process's output: what it writes, and the end to give to it, which the caller closes then.

    Unlike the pipes that asyncio makes for a process, this one has no say in when the process counts as ended: a
    grandchild may hold it open for longer.

    Args:
        limit: How many bytes are read ahead.
    """
    source, sink = os.pipe()
    reader = asyncio.StreamReader(limit)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(source, "rb", 0)
    )
    try:
        yield reader, sink
    finally:
        transport.close()


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process that leads a group, and to everything in that group, if it is there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def kill_children(pid: int) -> None:
    """Kill what a process has started, if it is there, and leave the process itself."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return
    for child in children:
        with contextlib.suppress(psutil.Error):
            child.kill()


def birth(pid: int) -> str | None:
    """When a process began, which tells it from a later one with its id; ``None`` where there is no ``/proc``."""
    try:
        # the name of the program, in brackets, may hold blanks and brackets itself
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def end_leftover(pid: int, born: str | None) -> None:
    """Kill the group of a process that an earlier emulator left behind, if it is still that process."""
    if born is not None and birth(pid) == born:
        kill_group(pid)


def kill_group(pid: int) -> None:
    """Kill a process that leads a group, with everything in that group, without giving it time."""
    signal_group(pid, signal.SIGKILL)
