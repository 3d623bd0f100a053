"""What the emulator remembers: ARM resources by their id, and records of everything that is not one."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.selections import facets_of, place_of, statement, token_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_azml.emulator.database import Database
    from airflow_provider_azml.emulator.selections import Selection
    from airflow_provider_azml.rest.flows import Json

CREATED_BY = "azml emulator"
_OUTERMOST_PARTS = 8
"""Of ``/subscriptions/s/resourceGroups/g/providers/p/type/name``."""


class Store:
    """JSON documents; ids are compared without case, as Azure Resource Manager does.

    Every document that goes in or comes out is a copy.

    Args:
        database: Where they are kept.

    Example:
        >>> store.put(f"{workspace}/computes/cpu", {"properties": {"computeType": "AmlCompute"}})["type"]
        'Microsoft.MachineLearningServices/workspaces/computes'
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, arm_id: str) -> Json | None:
        """The resource, or ``None``."""
        with self._database.transaction() as db:
            row = db.execute("SELECT document FROM resources WHERE key = ?", (_key(arm_id),)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, arm_id: str, document: Json, *, listed: bool = True) -> Json:
        """Create or replace a resource; what identifies and dates it is set here, its place in lists stays.

        Args:
            arm_id: The resource.
            document: What it is to be.
            listed: Whether a new one is among the ``children`` of its collection.

        Returns:
            The resource with ``id`` (in the spelling in which it was first put), ``name``, ``type`` and ``systemData``.
        """
        with self._database.transaction() as db:
            old = self.get(arm_id)
            return _write(db, arm_id, document, old, facets_of(old or {}), listed=listed)

    def update(self, arm_id: str, change: Callable[[Json], None]) -> Json | None:
        """Change a resource in place, in one transaction; ``None`` when it is not there.

        Args:
            arm_id: The resource.
            change: Changes the document that it is given.
        """
        with self._database.transaction() as db:
            old = self.get(arm_id)
            if old is None:
                return None
            # before the change, which may reach into what both hold
            facets, document = facets_of(old), {**old}
            change(document)
            return _write(db, arm_id, document, old, facets)

    def delete(self, arm_id: str) -> bool:
        """Delete a resource with everything below it and all records of either; whether it was there.

        The records of a resource are those whose key is its id, and those of collections that are named after it.
        """
        key = _key(arm_id)
        with self._database.transaction() as db:
            for owner in ("key", "substr(collection, instr(collection, ':') + 1)"):
                own = f"DELETE FROM records WHERE {owner} = ? OR ({owner} > ? AND {owner} < ?)"  # noqa: S608 (own names)
                db.execute(own, (key, f"{key}/", f"{key}0"))
            db.execute("DELETE FROM resources WHERE key > ? AND key < ?", (f"{key}/", f"{key}0"))
            return db.execute("DELETE FROM resources WHERE key = ?", (key,)).rowcount > 0

    def children(self, collection_id: str) -> list[Json]:
        """The resources right below a collection, e.g. ``{workspace}/jobs`` or ``{model}/versions``, oldest first."""
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT document FROM resources WHERE collection = ? ORDER BY ordinal", (_key(collection_id),)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def page(
        self, collection_id: str, wanted: Selection, size: int, after: str | None = None
    ) -> tuple[list[Json], str | None]:
        """A page of the resources of a collection, and where the next one begins, if there is one.

        Args:
            collection_id: The collection, e.g. ``{workspace}/jobs``.
            wanted: Which of them.
            size: How many at most.
            after: Where it begins, as told with the page before.

        Raises:
            ValueError: ``after`` was never told.
        """
        place = None if after is None else place_of(after)
        text, values = statement(_key(collection_id), wanted, place, size + 1)
        with self._database.transaction() as db:
            rows = db.execute(text, values).fetchall()
        token = token_of((rows[size - 1][0], rows[size - 1][1])) if len(rows) > size else None
        return [json.loads(row[2]) for row in rows[:size]], token

    def newest(self, collection_id: str) -> Json | None:
        """The resource of a collection that was made last, or ``None``."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT document FROM resources WHERE collection = ? ORDER BY ordinal DESC LIMIT 1",
                (_key(collection_id),),
            ).fetchone()
        return json.loads(row[0]) if row else None

    def below(self, arm_id: str, segment: str = "") -> list[Json]:
        """All resources at any depth below an id, oldest first.

        Args:
            arm_id: The id.
            segment: How the path of their collections ends, e.g. ``computes``; empty for all resources.
        """
        key, end = _key(arm_id), f"/{segment.lower()}"
        own, values = (" AND substr(collection, ?) = ?", (-len(end), end)) if segment else ("", ())
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT document FROM resources WHERE key > ? AND key < ?{own} ORDER BY ordinal",  # noqa: S608 (own names)
                (f"{key}/", f"{key}0", *values),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def outermost(self, scope: str) -> list[Json]:
        """The resources below a scope, e.g. a resource group, that are in no other resource, oldest first."""
        key = _key(scope)
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT document FROM resources WHERE key > ? AND key < ?"
                " AND length(key) - length(replace(key, '/', '')) = ? ORDER BY ordinal",
                (f"{key}/", f"{key}0", _OUTERMOST_PARTS),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def record(self, collection: str, key: str) -> Json | None:
        """A document that is not an ARM resource, or ``None``; its key is compared with case."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT document FROM records WHERE collection = ? AND key = ?", (collection, key)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put_record(self, collection: str, key: str, document: Json) -> None:
        """Create or replace a record; its place in the collection stays."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO records (collection, key, document) VALUES (?, ?, ?)"
                " ON CONFLICT (collection, key) DO UPDATE SET document = excluded.document",
                (collection, key, json.dumps(document)),
            )

    def delete_record(self, collection: str, key: str) -> None:
        """Delete a record, if it is there."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM records WHERE collection = ? AND key = ?", (collection, key))

    def delete_records(self, collection: str) -> None:
        """Delete all records of a collection."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM records WHERE collection = ?", (collection,))

    def next_number(self, collection: str) -> int:
        """The next number of a collection's own count, from 1."""
        with self._database.transaction() as db:
            # all of what is returned has to be read, or the transaction cannot end
            rows = db.execute(
                "INSERT INTO records (collection, key, document) VALUES (?, 'last', '1')"
                " ON CONFLICT (collection, key) DO UPDATE SET document = CAST(document AS INTEGER) + 1"
                " RETURNING document",
                (collection,),
            ).fetchall()
        return int(rows[0][0])

    def records(self, collection: str) -> list[Json]:
        """All records of a collection, oldest first."""
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT document FROM records WHERE collection = ? ORDER BY ordinal", (collection,)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def numbered_records(
        self, collection: str, most: int, *, after: int = 0, before: int | None = None
    ) -> list[tuple[int, Json]]:
        """Some records of a collection with the numbers by which they are ordered.

        Args:
            collection: The collection.
            most: How many at most.
            after: Begin after this number, with the oldest.
            before: Begin before this number, with the newest; 0 to begin with the very last.
        """
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT ordinal, document FROM records WHERE collection = ? AND ordinal > ? AND ordinal < ?"  # noqa: S608 (own names)
                f" ORDER BY ordinal {'ASC' if before is None else 'DESC'} LIMIT ?",
                (collection, after, before or sys.maxsize, most),
            ).fetchall()
        return [(row[0], json.loads(row[1])) for row in rows]

    def records_named(self, collection: str, keys: Sequence[str]) -> dict[str, Json]:
        """The records of some keys, by key; those that are there."""
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT key, document FROM records WHERE collection = ? AND key IN ({_marks(keys)})",  # noqa: S608 (own names)
                (collection, *keys),
            ).fetchall()
        return {row[0]: json.loads(row[1]) for row in rows}

    def some(self, arm_ids: Sequence[str]) -> dict[str, Json]:
        """The resources of some ids, by id in small letters; those that are there."""
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT key, document FROM resources WHERE key IN ({_marks(arm_ids)})",  # noqa: S608 (own names)
                [_key(arm_id) for arm_id in arm_ids],
            ).fetchall()
        return {row[0]: json.loads(row[1]) for row in rows}

    def readdress(self, addresses: Mapping[str, str]) -> None:
        """Replace URLs in all documents: an emulator that starts again may listen on other ports.

        Args:
            addresses: Old beginning of a URL, up to the port or beyond -> new one.
        """
        if not addresses:
            return
        # a port is not the beginning of a longer one
        old = re.compile(f"(?:{'|'.join(map(re.escape, addresses))})(?!\\d)")
        with self._database.transaction() as db:
            db.create_function("readdressed", 1, lambda text: old.sub(lambda found: addresses[found[0]], text))
            for table in ("resources", "records"):
                _readdress(db, table, "document", addresses)
            _readdress(db, "facets", "value", addresses)


def _readdress(db: sqlite3.Connection, table: str, column: str, addresses: Iterable[str]) -> None:
    having = " OR ".join(f"instr({column}, ?) > 0" for _ in addresses)
    db.execute(f"UPDATE {table} SET {column} = readdressed({column}) WHERE {having}", [*addresses])  # noqa: S608 (own names)


def _write(
    db: sqlite3.Connection,
    arm_id: str,
    document: Json,
    old: Json | None,
    facets: set[tuple[str, str]],
    *,
    listed: bool = True,
) -> Json:
    key = _key(arm_id)
    document = {**document, **_identity(old["id"] if old else "/" + arm_id.strip("/"))}
    document["systemData"] = _system_data(old)
    rows = db.execute(
        "INSERT INTO resources (key, collection, document, modified) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET document = excluded.document, modified = excluded.modified"
        " RETURNING ordinal, collection",
        (key, key.rpartition("/")[0] if listed else "", json.dumps(document), modified(document)),
    ).fetchall()
    now = facets_of(document)
    if facets != now:
        ordinal, collection = rows[0]
        db.execute("DELETE FROM facets WHERE ordinal = ?", (ordinal,))
        note_facets(db, ordinal, collection, now)
    return document


def note_facets(db: sqlite3.Connection, ordinal: int, collection: str, facets: set[tuple[str, str]]) -> None:
    """Note what a resource can be looked up by."""
    rows = ((collection, name, value, ordinal) for name, value in facets)
    db.executemany("INSERT OR IGNORE INTO facets VALUES (?, ?, ?, ?)", rows)


def modified(document: Json) -> str:
    """When a resource was changed last."""
    return str(document["systemData"]["lastModifiedAt"])


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _key(arm_id: str) -> str:
    return "/" + arm_id.strip("/").lower()


def _identity(arm_id: str) -> Json:
    parts = arm_id.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if "providers" in lowered:
        namespace = len(lowered) - 1 - lowered[::-1].index("providers") + 1
        kind = "/".join([parts[namespace], *parts[namespace + 1 :: 2]])
    else:
        kind = f"Microsoft.Resources/{parts[-2]}"
    return {"id": arm_id, "name": parts[-1], "type": kind}


def _system_data(old: Json | None) -> Json:
    now = timestamp()
    born = old["systemData"] if old else {"createdAt": now, "createdBy": CREATED_BY, "createdByType": "Application"}
    return {**born, "lastModifiedAt": now, "lastModifiedBy": CREATED_BY, "lastModifiedByType": "Application"}
