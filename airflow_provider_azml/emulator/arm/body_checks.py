"""Checks of requests against what the service's OpenAPI files say: names, bodies and the words in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.definitions import as_spelt, names_in, operations, request_problems, shape
from airflow_provider_azml.emulator.arm.errors import ArmError

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.arm.definitions import Operation
    from airflow_provider_azml.rest.flows import Json

_READ = ("GET", "HEAD")


def checked_body(method: str, path: str, body: Json) -> Json:
    """The body of a request, with every word in it as the service spells it.

    Args:
        method: HTTP method.
        path: Path of the request: an ARM id, with the action behind it when it is one.
        body: What was sent.

    Raises:
        ArmError: A name in the path is none that the service takes, or the body is wrong; then all that is wrong with
            it is in the error's ``details``.

    Example:
        >>> checked_body("PUT", job_id, {"properties": {"jobType": "command", ...}})["properties"]["jobType"]
        'Command'

    Source: the OpenAPI files of 2024-04-01; the message is that of recorded refusals, e.g. "Request is invalid and/or
    missing fields. The Value field is required." (Azure/azure-sdk-for-python issue 41834).
    """
    operation = None if method in _READ else operations().get(shape(path), {}).get(method)
    if operation is None:
        return body
    _check_names(operation, path)
    problems = request_problems(operation, body)
    if problems:
        told = [f"{problem.path}: {problem.reason}" for problem in problems]
        raise ArmError(
            400,
            "ValidationError",
            f"Request is invalid and/or missing fields. {' '.join(told)}",
            target=problems[0].path,
            details=[
                {"code": "ValidationError", "message": problem.reason, "target": problem.path} for problem in problems
            ],
        )
    return as_spelt(operation, body)


def _check_names(operation: Operation, path: str) -> None:
    for name, pattern in zip(names_in(path), operation.patterns, strict=False):
        if pattern and not re.fullmatch(pattern, name):
            raise ArmError(
                400,
                "InvalidResourceName",
                f"The name '{name}' in '{path}' is not valid: it does not match the pattern '{pattern}'.",
                target="name",
            )
