"""Moves a resource, with all below it and all their records, to another id: out of sight, and back again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.database import Database

_OF_RESOURCES = (("resources", "key"), ("resources", "collection"), ("facets", "collection"))
_OF_RECORDS = (("records", "key"), ("records", "collection"))


def move(database: Database, old_id: str, new_id: str) -> None:
    """Move everything at and below an id. The documents stay as they are, the ``id`` in them too.

    Args:
        database: Where it is kept.
        old_id: Where it is.
        new_id: Where it shall be; its last part must be that of the old one, and nothing may be there.

    Example:
        >>> move(emulator.database, workspace_id, f"/deleted{workspace_id}")
    """
    old, new = old_id.lower().rstrip("/"), new_id.lower().rstrip("/")
    with database.transaction() as db:
        own = db.execute("SELECT ordinal, collection FROM resources WHERE key = ?", (old,)).fetchone()
        for table, column in _OF_RESOURCES:
            db.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?)"  # noqa: S608 (own names)
                f" WHERE {column} = ? OR ({column} > ? AND {column} < ?)",
                (new, len(old) + 1, old, f"{old}/", f"{old}0"),
            )
        for table, column in _OF_RECORDS:
            # collections may be named after the resource, behind a colon
            tail = f"substr({column}, instr({column}, ':') + 1)"
            db.execute(
                f"UPDATE {table} SET {column} = substr({column}, 1, instr({column}, ':')) || ? || substr({tail}, ?)"  # noqa: S608
                f" WHERE {tail} = ? OR ({tail} > ? AND {tail} < ?)",
                (new, len(old) + 1, old, f"{old}/", f"{old}0"),
            )
        if own is not None:
            collection = new.rpartition("/")[0] if own[1] else ""
            for table in ("resources", "facets"):
                db.execute(f"UPDATE {table} SET collection = ? WHERE ordinal = ?", (collection, own[0]))  # noqa: S608
