"""Settings of the gunicorn that serves a deployment; read by it, in the deployment's own environment."""

# mypy: disable-error-code="import-not-found,import-untyped"
from gunicorn.config import KNOWN_SETTINGS

accesslog = "-"
# all servers of a user would share one socket; gunicorn before 25 neither has it nor knows the setting
if any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS):
    control_socket_disable = True
