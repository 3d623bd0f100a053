"""``python -m airflow_provider_azml.emulator``."""

import sys

from airflow_provider_azml.emulator.cli import main

sys.exit(main())
