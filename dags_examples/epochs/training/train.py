"""Stands in for a training that takes its time: one line of log per epoch."""

from __future__ import annotations

import argparse
import time


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="how long an epoch takes")
    arguments = parser.parse_args()

    for epoch in range(1, arguments.epochs + 1):
        time.sleep(arguments.seconds)
        print(f"epoch {epoch} of {arguments.epochs}: loss {1 / epoch:.3f}", flush=True)


if __name__ == "__main__":
    main()
