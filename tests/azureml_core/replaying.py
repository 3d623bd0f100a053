"""Asks again what azureml-core has asked, and expects answers of the same shape."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from tests.emulator.execution import Workspace

_SECONDS = 60
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MADE = re.compile(rf"{_UUID}|(?<=_)\d{{10}}_[0-9a-f]{{8}}(?![0-9a-f])|(?<=core_)[0-9a-f]{{8}}|\d{{8}}T\d{{6}}Z")
"""What is made anew each time: ids, and names with a time or an id in them."""
_SAS = re.compile(r"\{sas\d+\}")
_BLOBS = "/stor.blob."
_IF_BUILT = "20_image_build_log"
"""Only who is the first to use an environment sees it being built."""
_OF_THE_MOMENT = ("outputs", "queueingInfo")
_STATUSES = ("status", "StatusCode")
_ENDED = ("Canceled", "Completed", "Failed", "Finished")
_FURTHER: dict[str, tuple[str, ...]] = {
    "Running": ("Running", "CancelRequested", "Finalizing", *_ENDED),
    **{status: (status,) for status in (*_ENDED, "Active", "Disabled")},
}
"""Status then -> what it may be now; on the way to others, it may be anything."""


def replay(workspace: Workspace, recording: Path, target: str) -> None:
    """Send the requests of a recording, one after another, with the names that earlier answers have given.

    Args:
        workspace: Where to.
        recording: What ``exchanges.py`` has written.
        target: What it is about this time.
    """
    host = urlsplit(workspace.emulator.https_url).netloc
    text = recording.read_text().replace("{host}", host).replace("{target}", target)
    names = {name: name for name in _MADE.findall(f"{workspace.id} {target}")}
    for exchange in json.loads(text)["exchanges"]:
        _Exchange(workspace, exchange, names).again()


class _Exchange:
    """One request and its answer.

    Args:
        workspace: Where to.
        recorded: What was asked and answered.
        names: Names then -> names now; it learns those that the answer gives.
    """

    def __init__(self, workspace: Workspace, recorded: dict[str, Any], names: dict[str, str]) -> None:
        self._workspace = workspace
        self._recorded = recorded
        self._names = names

    def again(self) -> None:
        ends = time.monotonic() + _SECONDS
        while True:
            answered = self._ask()
            wrong = self._difference(answered)
            if wrong is None:
                return
            # whoever waits asks again until something has happened
            assert self._recorded["method"] == "GET", wrong
            assert time.monotonic() < ends, wrong
            time.sleep(0.1)

    def _ask(self) -> requests.Response:
        path, body = self._now(self._recorded["path"]), self._recorded["body"]
        headers = dict(self._recorded["headers"])
        if not path.startswith(_BLOBS):
            headers["Authorization"] = f"Bearer {self._workspace._token(self._workspace.emulator.https_url)}"
        return self._workspace.session.request(
            self._recorded["method"],
            self._workspace.emulator.https_url + path,
            data=None if body is None else self._now(body).encode(),
            headers=headers,
            verify=self._workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
            timeout=60,
        )

    def _now(self, text: str) -> str:
        """A text with the names of now; what the client names gets a new name."""
        text = _MADE.sub(lambda found: self._names.setdefault(found[0], _fresh(found[0])), text)
        return _SAS.sub(lambda found: self._names[found[0]], text)

    def _difference(self, answered: requests.Response) -> str | None:
        what = f"{self._recorded['method']} {self._recorded['path']}"
        if answered.status_code != self._recorded["status"]:
            return f"{what}: {answered.status_code} {answered.text}"
        if self._recorded["answer"] is None or answered.status_code >= 400:
            return None
        return self._between(self._recorded["answer"], answered.json(), what)

    def _between(self, then: Any, now: Any, where: str) -> str | None:
        """How what was answered differs from what is, if it does: by what is missing, of another kind or status."""
        if isinstance(then, str) and isinstance(now, str):
            self._learn(then, now)
            return None
        if isinstance(then, dict) and isinstance(now, dict):
            return self._between_objects(then, now, where)
        if isinstance(then, list) and isinstance(now, list):
            return self._between_lists(then, now, where)
        same = then is None or now is None or type(then) is type(now) or {type(then), type(now)} == {int, float}
        return None if same else f"{where}: {then!r} was answered, and is {now!r}"

    def _between_objects(self, then: dict[str, Any], now: dict[str, Any], where: str) -> str | None:
        is_read = self._recorded["method"] == "GET"
        for key, value in then.items():
            here = f"{where} {key}"
            known = key if key in now else self._now(key)
            if (key in _OF_THE_MOMENT and not is_read) or _IF_BUILT in key:
                continue
            if known not in now:
                return f"{here} was answered, and is not there: {now}"
            if key == "EntityStatus" or (is_read and key in _STATUSES):
                reached = _FURTHER.get(value, (now[known],))
                if now[known] not in reached:
                    return f"{here} was {value!r}, and is {now[known]!r}"
            if wrong := self._between(value, now[known], here):
                return wrong
        return None

    def _between_lists(self, then: list[Any], now: list[Any], where: str) -> str | None:
        names = [self._now(str(_name(one))) for one in then]
        if "None" not in names and len({*names}) == len(names):
            # what others have made is in some lists, too
            by_name = {str(_name(one)): one for one in now}
            if missing := [name for name in names if name not in by_name]:
                return f"{where}: {missing} are not there"
            now = [by_name[name] for name in names]
        then, now = ([one for one in some if _IF_BUILT not in str(one)] for some in (then, now))
        if len(now) < len(then):
            return f"{where}: there were {len(then)}, and are {len(now)}"
        return next(
            (wrong for old, new in zip(then, now, strict=False) if (wrong := self._between(old, new, where))), None
        )

    def _learn(self, then: str, now: str) -> None:
        if found := _SAS.search(then):
            self._names[found[0]] = now.partition("?")[2]
        old, new = _MADE.findall(then), _MADE.findall(now)
        if len(old) == len(new):
            for one, other in zip(old, new, strict=True):
                self._names.setdefault(one, other)


def _name(one: Any) -> Any:
    """The name of what is in a list, if it has one."""
    return (one.get("Name") or one.get("name")) if isinstance(one, dict) else None


def _fresh(name: str) -> str:
    """A name of the same form."""
    if re.fullmatch(_UUID, name):
        return str(uuid.uuid4())
    return re.sub(r"[0-9a-f]{8}$", uuid.uuid4().hex[:8], name)
