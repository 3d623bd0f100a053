"""The folder of a scoring script."""
