"""Documents of the retired generation, whose keys some clients begin with capital letters and others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.history.data_plane import DataPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json


@dataclass(frozen=True)
class Section:
    """A JSON object whose keys are read in any case.

    Args:
        values: The object.
        path: Where it is in what was sent, for messages; empty for the whole of it.

    Example:
        >>> Section({"Environment": {"Python": {"InterpreterPath": "python"}}}).section("environment").path
        'Environment'

    Source: definition.json of https://learn.microsoft.com/azure/machine-learning/v1/how-to-manage-rest (capital
    letters) beside ``RunDefinition`` of the 2019-09-30 execution file (small ones).
    """

    values: Json
    path: str = ""

    def value(self, name: str) -> object:
        """What stands at a key; ``None`` when nothing does."""
        return self.values.get(self._key(name))

    def text(self, name: str, default: str = "") -> str:
        """The text at a key.

        Raises:
            DataPlaneError: Something else stands there.
        """
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(name, "must be a text")
        return value

    def number(self, name: str) -> int | None:
        """The whole number at a key.

        Raises:
            DataPlaneError: Something else stands there.
        """
        value = self.value(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.wrong(name, "must be a whole number")
        return value

    def flag(self, name: str) -> bool:
        """Whether a key says yes.

        Raises:
            DataPlaneError: Neither ``true`` nor ``false`` stands there.
        """
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return bool(value)

    def items(self, name: str) -> list[object]:
        """The list at a key.

        Raises:
            DataPlaneError: Something else stands there.
        """
        value = self.value(name)
        if value is not None and not isinstance(value, list):
            raise self.wrong(name, "must be a list")
        return list(value or [])

    def section(self, name: str) -> Section:
        """The object at a key; an empty one when nothing is there.

        Raises:
            DataPlaneError: Something else stands there.
        """
        value = self.value(name)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(name, "must be an object")
        return Section(value or {}, self._place(name))

    def sections(self, name: str) -> Iterator[tuple[str, Section]]:
        """The objects in the object at a key, by their own names.

        Raises:
            DataPlaneError: Something else stands there.
        """
        below = self.section(name)
        return ((key, below.section(key)) for key in below.values)

    def wrong(self, name: str, reason: str) -> DataPlaneError:
        """What to raise for what stands at a key."""
        return DataPlaneError(400, "UserError", f"'{self._place(name)}' {reason}.")

    def _key(self, name: str) -> str:
        if name in self.values:
            return name
        return next((key for key in self.values if key.lower() == name.lower()), name)

    def _place(self, name: str) -> str:
        return ".".join(part for part in (self.path, self._key(name)) if part)
