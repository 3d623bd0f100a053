"""The emulator, as its clients meet it."""
