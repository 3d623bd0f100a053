"""The emulator, as its clients meet it."""

import pytest

for _name in ("assets", "jobs", "script"):
    pytest.register_assert_rewrite(f"tests.emulator.mlclient_{_name}")
