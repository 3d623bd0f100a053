"""Sweep jobs: the values that they try, the trials, and which of those end early."""
