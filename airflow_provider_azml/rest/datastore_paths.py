"""Blobs that a wait is for: one of a name, those of a pattern, or any in a folder of a datastore."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest import arm_ids, datastores, flows
from airflow_provider_azml.rest.listed_blobs import blobs_in
from airflow_provider_azml.rest.readings import Reading

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow, Json

_WILD = frozenset("*?[")
_ACT = "paths are waited for in"


def checked(wanted: Json) -> Json:
    """What is wanted, as templates leave it -> as :func:`find` and :func:`read` take it.

    Args:
        wanted: ``path``, of a blob, or with ``*`` and the like in its last part, or of a folder, with a slash at its
            end; ``min_files``, a number, or text that is one; ``storage_suffix``, the cloud's.

    Raises:
        SpecError: One of them cannot be.
    """
    path, least = str(wanted.get("path") or "").lstrip("/"), wanted.get("min_files")
    folder, _, last = path.rpartition("/")
    if not path or path == "None":
        raise _refused("path", "is empty; name a blob, a pattern, or a folder with a slash at its end")
    if _WILD & set(folder):
        raise _refused("path", f"{path!r:.200} has a wildcard in a folder; only its last part may have some")
    count = 1 if least in (None, "", "None") else int(str(least)) if str(least).isdecimal() else 0
    if count < 1:
        raise _refused("min_files", f"is {least!r:.80}; it must be a whole number, 1 or more")
    return {"folder": folder, "pattern": last or "*", "min_files": count, "storage_suffix": wanted["storage_suffix"]}


def find(arm_id: str, wanted: Json) -> Flow[Json]:
    """The blobs that match, right in the folder.

    Args:
        arm_id: The datastore.
        wanted: What is wanted, checked.

    Raises:
        NotFound: There is no such datastore, or no such container.
        SpecError: It is of a type that holds no blobs.
    """
    properties = (yield from flows.get(arm_id))["properties"]
    place = datastores.place(properties, wanted["storage_suffix"], arm_ids.parse(arm_id).name, act=_ACT)
    container = datastores.Container(place.blob_url, (yield from datastores.access(arm_id, properties)))
    found = yield from blobs_in(container, wanted["folder"])
    below = len(wanted["folder"]) + 1 if wanted["folder"] else 0
    return {"blobs": [blob.name for blob in found if fnmatchcase(blob.name[below:], wanted["pattern"])]}


def read(body: Json, wanted: Json) -> Reading:
    """Whether there are as many as are wanted."""
    count = len(body["blobs"])
    return Reading(f"{count} of {wanted['min_files']}", "good" if count >= wanted["min_files"] else None)


def _refused(name: str, reason: str) -> SpecError:
    return SpecError([Problem("<arguments>", 0, 0, name, reason)])
