"""Settings of the gunicorn that serves a deployment; read by it, in the deployment's own environment."""

# mypy: disable-error-code="import-not-found,import-untyped,misc"
from collections.abc import Mapping

from gunicorn.config import KNOWN_SETTINGS
from gunicorn.glogging import Logger


class _Requests(Logger):
    """Leaves liveness probes out of the log, where they would soon be all that one sees."""

    def access(self, resp: object, req: object, environ: Mapping[str, object], request_time: object) -> None:
        if environ.get("PATH_INFO") != "/":
            super().access(resp, req, environ, request_time)


accesslog = "-"
logger_class = _Requests
# all servers of a user would share one socket; gunicorn before 25 neither has it nor knows the setting
if any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS):
    control_socket_disable = True
