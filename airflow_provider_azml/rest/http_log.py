"""Where azure-core logs requests and answers, redacted.

At INFO it would bury what a task has to say, and so would azure-identity with each token and each way to sign in.
``logging.getLogger("airflow_provider_azml.http").setLevel(logging.INFO)`` brings the requests back.
"""

from __future__ import annotations

import logging

HTTP_LOG = logging.getLogger("airflow_provider_azml.http")
HTTP_LOG.setLevel(logging.WARNING)

_IDENTITY_LOG = logging.getLogger("azure.identity")
if _IDENTITY_LOG.level == logging.NOTSET:  # else somebody has said what they want of it
    _IDENTITY_LOG.setLevel(logging.WARNING)
