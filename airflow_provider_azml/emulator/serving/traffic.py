"""How the requests to an endpoint are shared out: by the weights of its traffic, and as copies to a mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

_ALL = 100


class Traffic:
    """Shares requests out so that the weights hold in every run of them, not only in the long one.

    Of ten requests to an endpoint with ``{"blue": 90, "green": 10}``, green gets one: each deployment gains its weight
    with each request, and the one that has gained most is next.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints, "Invoke endpoint
    without specifying deployment" and "Test the deployment with mirrored traffic"; in what order is not said there.
    """

    def __init__(self) -> None:
        self._gains: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
        self._copied: dict[str, int] = {}

    def next(self, endpoint: Json) -> str | None:
        """Name of the deployment that is to answer the next request; ``None`` when none has traffic.

        Args:
            endpoint: The endpoint, as the store has it.
        """
        weights = _weights(endpoint, "traffic")
        if not weights:
            return None
        before, gains = self._gains.get(endpoint["id"], ({}, {}))
        if before != weights:
            gains = dict.fromkeys(weights, 0)
            self._gains[endpoint["id"]] = weights, gains
        for name, weight in weights.items():
            gains[name] += weight
        name = max(gains, key=lambda each: gains[each])
        gains[name] -= sum(weights.values())
        return name

    def mirror(self, endpoint: Json) -> str | None:
        """Name of the deployment that is to get a copy of a request; ``None`` when none is.

        Args:
            endpoint: The endpoint, as the store has it.
        """
        for name, share in _weights(endpoint, "mirrorTraffic").items():
            gained = self._copied.get(endpoint["id"], 0) + share
            self._copied[endpoint["id"]] = gained % _ALL
            return name if gained >= _ALL else None
        return None


def _weights(endpoint: Json, kind: str) -> dict[str, int]:
    given: dict[str, int] = endpoint["properties"].get(kind) or {}
    return {name: weight for name, weight in given.items() if weight > 0}
