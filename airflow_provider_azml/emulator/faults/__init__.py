"""Faults on request: what goes wrong with requests, tokens, long-running operations, jobs and nodes, and when."""
