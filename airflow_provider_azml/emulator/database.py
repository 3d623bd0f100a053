"""The one SQLite file of an emulator: a connection that threads may share, one statement or transaction at a time."""

from __future__ import annotations

import errno
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
    document TEXT NOT NULL, modified TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS resources_of_collection ON resources (collection, ordinal);
CREATE INDEX IF NOT EXISTS resources_by_change ON resources (collection, modified, ordinal);
CREATE TABLE IF NOT EXISTS facets (
    collection TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, ordinal INTEGER NOT NULL,
    PRIMARY KEY (collection, name, value, ordinal)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS facets_of_resource ON facets (ordinal);
CREATE INDEX IF NOT EXISTS facets_of_value ON facets (name, value);
CREATE TRIGGER IF NOT EXISTS no_facets_of_nothing AFTER DELETE ON resources
    BEGIN DELETE FROM facets WHERE ordinal = old.ordinal; END;
CREATE TABLE IF NOT EXISTS records (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, key TEXT NOT NULL, document TEXT NOT NULL,
    UNIQUE (collection, key)
);
CREATE INDEX IF NOT EXISTS records_of_collection ON records (collection, ordinal);
CREATE TABLE IF NOT EXISTS containers (name TEXT PRIMARY KEY, etag TEXT NOT NULL, modified TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blobs (
    container TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified TEXT NOT NULL, kind TEXT NOT NULL, content_type TEXT NOT NULL, metadata TEXT NOT NULL,
    blocks INTEGER NOT NULL,
    PRIMARY KEY (container, name)
) WITHOUT ROWID;
"""


def is_disk_full(error: BaseException) -> bool:
    """Whether something could not be kept because the disk is full."""
    by_system = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return by_system or (isinstance(error, sqlite3.OperationalError) and "disk is full" in str(error))


AGAIN_SECONDS = 2.0
"""When to look whether a full disk has room again."""


class Database:
    """An open database.

    Args:
        file: Where it is; made when it is not there.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        # it holds keys; what SQLite makes beside it gets the same mode
        file.touch(mode=0o600)
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        # a crash of the machine may lose the last moments of an emulator, which is a fair price for its speed
        self._connection.execute("PRAGMA synchronous=OFF")
        columns = [row[1] for row in self._connection.execute("PRAGMA table_info(resources)")]
        if columns and "modified" not in columns:
            # of an older emulator; the store fills it
            self._connection.execute("ALTER TABLE resources ADD COLUMN modified TEXT NOT NULL DEFAULT ''")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, for as long as the block runs; all that it writes is kept, or, on an exception, nothing."""
        with self._lock:
            nested = self._connection.in_transaction
            if not nested:
                self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                if not nested:
                    self._connection.execute("COMMIT")
            except BaseException:
                # a COMMIT that fails, e.g. on a full disk, may or may not have ended the transaction
                if not nested and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
