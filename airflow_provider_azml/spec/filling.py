"""How the needs of a body are met: each once, those that do not depend on each other beside each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.spec.needs import AsJson, Named, Need, Prefixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.target import Target


def filled(body: Json, target: Target) -> Flow[Json]:
    """A body with every need in it met.

    Raises:
        ApiError: Something could not be found or made.
        SpecError: A local path cannot be uploaded.
    """
    met: dict[Need, str] = {}
    for needs in _by_depth(body):
        results = yield All([need.meet(target, _fill(need.sends(), met, target)) for need in needs])
        met.update(zip(needs, results, strict=True))
    result: Json = _fill(body, met, target)
    return result


def _by_depth(body: Json) -> list[list[Need]]:
    """All needs of a body, each once: first those that need nothing, then those that need them, and so on."""
    depths: dict[Need, int] = {}

    def deepest(value: object) -> int:
        if isinstance(value, dict):
            return max(map(deepest, value.values()), default=0)
        if isinstance(value, list):
            return max(map(deepest, value), default=0)
        if isinstance(value, (AsJson, Prefixed)):
            return deepest(value.of)
        if not isinstance(value, Need):
            return 0
        if value not in depths:
            depths[value] = deepest(value.sends()) + 1
        return depths[value]

    levels: list[list[Need]] = [[] for _ in range(deepest(body))]
    for need, depth in depths.items():
        levels[depth - 1].append(need)
    return levels


def _fill(value: Any, met: Mapping[Any, str], target: Target) -> Any:  # any part of a body
    if isinstance(value, dict):
        return {key: _fill(member, met, target) for key, member in value.items()}
    if isinstance(value, list):
        return [_fill(member, met, target) for member in value]
    if isinstance(value, Prefixed):
        text = str(_fill(value.of, met, target))
        return text if text.startswith("azureml:") else f"azureml:{text}"
    if isinstance(value, AsJson):
        return json.dumps(_fill(value.of, met, target))
    if isinstance(value, Named):
        return value.id_in(target)
    return met[value] if isinstance(value, Need) else value
