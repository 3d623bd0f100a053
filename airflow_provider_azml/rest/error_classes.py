"""Whose fault a failed job is, by what the service says of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import ErrorClass
    from airflow_provider_azml.rest.flows import Json

_BY_CODE: Mapping[str, ErrorClass] = {
    "UserError": "user_error",
    "ValidationError": "user_error",
    "SystemError": "system_error",
    "ServiceError": "system_error",
    "TransientError": "system_error",
    "RequestThrottled": "system_error",
    "AzureStorageError": "system_error",
}
_PREEMPTION = re.compile(
    r"\bPreemptionError\b|\bnodes? of this job got pre-?empted\b|\bpre-?emption warning signal\b", re.IGNORECASE
)
_QUOTA_CODE = re.compile(r"OutOfQuota|Quota(?:Reached|Exceeded)|ExceedsCoreQuota")
_QUOTA_WORDS = re.compile(
    r"\bexceed(?:s|ing)? (?:the )?(?:approved|quota limits)\b|\bvCPU quota of \d+\b|\bNot enough (?:\w+ )*quota\b"
)
_OF_THE_PROGRAM = re.compile(r"\buser_logs/|\bError: |\bTraceback \(most recent")
"""Where a message begins to quote what the user's code said."""


def error_class(code: str | None, inner_codes: Sequence[str], message: str | None) -> ErrorClass | None:
    """Why a job failed, if it can be told.

    A lost node of low priority and a lack of quota come as ``UserError`` or ``ServiceError`` too; which of them it is,
    the words in front of what the user's code said tell.

    Args:
        code: The code of the error.
        inner_codes: The codes of its inner errors and details.
        message: Its message.

    Example:
        >>> error_class("UserError", [], "PreemptionError: Nodes of this job got pre-empted.")
        'preemption'
        >>> error_class("UserError", ["ClusterCoreQuotaReached"], "The job cannot be run.")
        'quota'

    Sources: ``RootError.code`` of azure-ai-ml's run history client ("Supported error codes: ServiceError, UserError,
    ValidationError, AzureStorageError, TransientError, RequestThrottled") and ``ErrorCategory`` of its exceptions
    (``SystemError``); microsoft/MLOpsPython#346 and Azure/MachineLearningNotebooks#1242 for ``PreemptionError``;
    MicrosoftDocs/azure-docs#121466 for ``OutOfQuota``, #17809 for ``ClusterQuotaReached``, MicrosoftLearning/
    mslearn-dp100#35 for ``JobNodeCountExceedsCoreQuota``, Azure/mlops-v2#81 for the words about vCPUs;
    ``ClusterCoreQuotaReached`` has been seen in the same place.
    """
    said = message or ""
    own_words = _OF_THE_PROGRAM.split(said, maxsplit=1)[0]
    codes = [code or "", *inner_codes]
    if _PREEMPTION.search(own_words) or "PreemptionError" in codes:
        return "preemption"
    if any(_QUOTA_CODE.search(text) for text in (*codes, own_words)) or _QUOTA_WORDS.search(own_words):
        return "quota"
    return next((_BY_CODE[known] for known in codes if known in _BY_CODE), None)


def inner_codes(error: Json) -> list[str]:
    """The codes below the one of an error, from the outermost inwards, those of its details last."""
    return [code for code in _inner(error) if code]


def _inner(error: Json) -> Iterator[str]:
    inner = error.get("innerError")
    while isinstance(inner, dict):
        yield str(inner.get("code") or "")
        inner = inner.get("innerError")
    for detail in error.get("details") or ():
        if isinstance(detail, dict):
            yield str(detail.get("code") or "")
            yield from _inner(detail)
