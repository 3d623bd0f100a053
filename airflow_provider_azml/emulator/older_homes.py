"""Homes of older emulators: what is noted today beside documents, so that lists find them, is made up for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.selections import facets_of
from airflow_provider_azml.emulator.store import modified, note_facets

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_azml.emulator.database import Database

_VERSION = 1


def bring_up_to_date(database: Database) -> None:
    """Note what lists look for, where an older emulator has not; nothing happens to a home of today."""
    with database.transaction() as db:
        if db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
            _note_resources(db)
            _note_runs(db)
            db.execute(f"PRAGMA user_version = {_VERSION}")


def _note_resources(db: sqlite3.Connection) -> None:
    for ordinal, collection, text in db.execute("SELECT ordinal, collection, document FROM resources").fetchall():
        document = json.loads(text)
        note_facets(db, ordinal, collection, facets_of(document))
        db.execute("UPDATE resources SET modified = ? WHERE ordinal = ?", (modified(document), ordinal))


def _note_runs(db: sqlite3.Connection) -> None:
    runs = db.execute(
        "SELECT substr(collection, 6), key, document FROM records WHERE collection LIKE 'runs:%' ORDER BY ordinal"
    ).fetchall()
    for scope, key, text in runs:
        run = json.loads(text)
        db.execute(
            "INSERT OR IGNORE INTO records (collection, key, document) VALUES (?, ?, ?)",
            (f"experiment_runs:{scope}/experiments/{run['experimentId']}", key, json.dumps({"runId": run["runId"]})),
        )
