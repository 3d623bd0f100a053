"""What parts of jobs, nodes and components must be, which the service's OpenAPI files leave open.

Source: the schemas of jobs and components at https://azuremlschemas.azureedge.net, as azure-ai-ml 1.35.2 sends them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

_MAPPINGS = (
    *("conf", "distribution", "early_termination", "entry", "environment_variables", "identity", "inputs", "jobs"),
    *("limits", "objective", "outputs", "properties", "resources", "retry_settings", "sampling_algorithm"),
    *("search_space", "settings", "tags", "task", "trial"),
)
_WORDS = ("sampling_algorithm", "task")
"""Those that may be a word instead: the former of a sweep, the latter of automated ML."""
_PORTS = ("inputs", "outputs")
_TEXTS = (
    *("assetName", "assetVersion", "jobInputType", "jobOutputType", "job_input_type", "job_output_type"),
    *("mode", "name", "type", "uri", "version"),
)


def wrong_part(holder: object, *, values: bool = False) -> tuple[str, str] | None:
    """What is wrong with the shape of a job, a node or the specification of a component.

    Args:
        holder: It.
        values: Whether an input may be a value, rather than say what it is.

    Returns:
        Path of the first part that is not what it must be, and what that is; ``None`` when there is none.

    Example:
        >>> wrong_part({"outputs": {"model": "uri_folder"}})
        ('outputs.model', 'a mapping')
    """
    if not isinstance(holder, dict):
        return "", "a mapping"
    for name in _MAPPINGS:
        kinds = (dict, str) if name in _WORDS else (dict, list) if _lists_spaces(holder, name) else (dict,)
        if holder.get(name) and not isinstance(holder[name], kinds):
            return name, "a mapping"
    return next((wrong for place in _PORTS if (wrong := _wrong_port(holder, place, values=values))), None)


def _lists_spaces(holder: Json, name: str) -> bool:
    return name == "search_space" and holder.get("type") == "automl"


def _wrong_port(holder: Json, place: str, *, values: bool) -> tuple[str, str] | None:
    ports: Json = holder.get(place) or {}
    for name, port in ports.items():
        path = f"{place}.{name}"
        if isinstance(port, dict):
            for key in _TEXTS:
                if not isinstance(port.get(key), (str, int, float, type(None))):
                    return f"{path}.{key}", "a text"
        elif port is not None and (place == "outputs" or not values or isinstance(port, list)):
            return path, "a mapping"
    return None
