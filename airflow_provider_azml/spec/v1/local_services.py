"""Web services of CLI v1 that ran on the machine at hand: the port that they answered on."""

from __future__ import annotations

PORT = "azml.local_port"
"""Property of a deployment on the emulator: the port of this machine that it answers on too; ``0`` for any."""
ADDRESS = "azml.local_scoring_uri"
"""Property that the emulator adds: where that is."""
