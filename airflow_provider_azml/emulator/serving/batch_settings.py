"""How batch deployments run mini-batches: what they are given, and what holds where nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.arm.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.arm.errors import ArmError
    from airflow_provider_azml.rest.flows import Json

DEFAULTS: Mapping[str, object] = {
    "errorThreshold": -1,
    "loggingLevel": "Info",
    "maxConcurrencyPerInstance": 1,
    "miniBatchSize": 10,
    "outputAction": "AppendRow",
    "outputFileName": "predictions.csv",
}
"""What a deployment does that does not say; ``BatchDeployment`` of the 2024-04-01 OpenAPI file."""
RETRIES: Mapping[str, object] = {"maxRetries": 3, "timeout": "PT30S"}
_LEAST = {"errorThreshold": -1, "maxConcurrencyPerInstance": 1, "miniBatchSize": 1}
_WORDS = {
    "loggingLevel": ("Info", "Warning", "Debug"),
    "outputAction": ("AppendRow", "SummaryOnly"),
}


def settings_of(name: str, given: Json, before: Mapping[str, object] = DEFAULTS) -> Json:
    """How mini-batches are run: what is given, and what holds where nothing is.

    Args:
        name: The deployment, for messages.
        given: Fields of ``BatchDeployment``; numbers may be texts, and words in any case.
        before: What holds where nothing is given: the defaults, or the settings of the deployment.

    Raises:
        ArmError: One of them cannot be.
    """
    found = {key: given[key] if given.get(key) is not None else before[key] for key in DEFAULTS}
    for key, least in _LEAST.items():
        found[key] = whole_number(name, key, found[key], least)
    for key, words in _WORDS.items():
        known = {word.lower(): word for word in words}
        if str(found[key]).lower() not in known:
            raise _wrong(name, key, found[key], f"none of {', '.join(words)}")
        found[key] = known[str(found[key]).lower()]
    found["outputFileName"] = file_name(name, "outputFileName", found["outputFileName"])
    asked = {key: value for key, value in (given.get("retrySettings") or {}).items() if value is not None}
    retries = {**RETRIES, **_settings(before.get("retrySettings")), **asked}
    retries["maxRetries"] = whole_number(name, "retrySettings.maxRetries", retries["maxRetries"], 0)
    try:
        durations.seconds(str(retries["timeout"]))
    except ValueError as error:
        raise _wrong(name, "retrySettings.timeout", retries["timeout"], str(error)) from error
    return {**found, "retrySettings": retries}


def _settings(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def whole_number(name: str, key: str, value: object, least: int) -> int:
    """A setting that is a number, or the text of one.

    Args:
        name: The deployment, for messages.
        key: The setting.
        value: Its value.
        least: The least that it can be.

    Raises:
        ArmError: It is not such a number.
    """
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if number < least:
        raise _wrong(name, key, value, f"not a whole number from {least}")
    return number


def file_name(name: str, key: str, value: object) -> str:
    """A setting that is the name of a file.

    Args:
        name: The deployment, for messages.
        key: The setting.
        value: Its value.

    Raises:
        ArmError: It is no such name.
    """
    file = str(value)
    if not file.strip(".") or "/" in file or "\\" in file:
        raise _wrong(name, key, value, "not the name of a file")
    return file


def _wrong(name: str, key: str, value: object, reason: str) -> ArmError:
    message = f"The {key} of batch deployment '{name}' is wrong: {value!r} is {reason}."
    return bad_request(message, code="ValidationError", target=f"properties.{key}")
