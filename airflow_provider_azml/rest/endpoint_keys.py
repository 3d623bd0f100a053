"""Keys of online endpoints made anew."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, awaited_keys, flows
from airflow_provider_azml.rest.awaited_keys import keys_of
from airflow_provider_azml.rest.flows import Send, call, request
from airflow_provider_azml.rest.waiting import Ticket, ticket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Flow

_log = logging.getLogger(__name__)
KeyType = Literal["primary", "secondary"]
KEY_TYPES: tuple[KeyType, ...] = ("primary", "secondary")
_FIELDS: Mapping[KeyType, str] = {"primary": "primaryKey", "secondary": "secondaryKey"}
_SERVER_ERROR = 500


def regenerate(endpoint_id: str, key_type: KeyType) -> Flow[Ticket]:
    """Let the service make one of an endpoint's keys anew.

    It is asked once: where no answer comes, a key that is another already says that it was done.

    Args:
        endpoint_id: ARM id of the endpoint.
        key_type: Which of its keys.

    Returns:
        A ticket whose goal is that the key is another.

    Raises:
        ApiError: The endpoint has no keys, or the service refused.

    Source: azure-ai-ml 1.35.2, ``online_endpoints.begin_regenerate_keys``, which sends the former key along.
    """
    field = _FIELDS[key_type]
    key = (yield from keys_of(endpoint_id))[field]
    wanted = awaited_keys.wanted_of(field, key)
    url = f"{endpoint_id}/{arm_ids.parse(endpoint_id).row.actions['regenerate_keys']}"
    body = {"keyType": key_type.capitalize(), "keyValue": key}
    sent = request("POST", url, params=flows.version_of(endpoint_id), json=body)
    try:
        response = yield from call(Send(sent, retry="never"))
    except ApiError as error:
        if error.status is not None and error.status < _SERVER_ERROR:
            raise
        if (yield from keys_of(endpoint_id))[field] == key:
            raise
        _log.info("The answer was lost, but the %s key is another", key_type)
        return Ticket(endpoint_id, goal="key", wanted=wanted)
    return Ticket(endpoint_id, ticket(endpoint_id, response).operation_url, goal="key", wanted=wanted)
