"""Where azure-core logs requests and answers, redacted.

At INFO it would bury what a task has to say; ``logging.getLogger("airflow_provider_azml.http").setLevel(logging.INFO)``
brings it back.
"""

from __future__ import annotations

import logging

HTTP_LOG = logging.getLogger("airflow_provider_azml.http")
HTTP_LOG.setLevel(logging.WARNING)
