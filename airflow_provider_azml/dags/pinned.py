"""Labels that are looked up when a DAG is parsed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.dags.wishes import Labels
    from airflow_provider_azml.operators.label_pins import Labels as Pins
    from airflow_provider_azml.spec.source import Source

_PLACE = ("azml_conn_id", "subscription_id", "resource_group", "workspace")
_DEFAULT_CONNECTION = "azml_default"


@dataclass
class ParsedLabels:
    """What labels of a pipeline stand for, looked up once for each workspace that its tasks have.

    Args:
        source: The pipeline.
        when: When labels are looked up.
        default_args: Of the DAG, once that is known.
    """

    source: Source
    when: Labels
    default_args: dict[str, Any] = field(default_factory=dict)
    _found: dict[tuple[Any, ...], Pins] = field(default_factory=dict)

    def of(self, arguments: Mapping[str, Any]) -> dict[str, Pins]:
        """The keyword argument ``labels`` of an operator, where it is not the usual one.

        Args:
            arguments: The operator's other keyword arguments.

        Raises:
            AzmlError: The service cannot be asked.
        """
        if self.when == "run":
            return {}
        from airflow_provider_azml.operators.label_pins import pins_at_parse  # noqa: PLC0415 (where it is wanted)

        given = {**self.default_args, **arguments}
        place = tuple(given.get(name) for name in _PLACE)
        if place not in self._found:
            named: dict[str, Any] = dict(zip(_PLACE, place, strict=True))
            named["azml_conn_id"] = named["azml_conn_id"] or _DEFAULT_CONNECTION
            self._found[place] = pins_at_parse(self.source, **named)
        return {"labels": self._found[place]}
