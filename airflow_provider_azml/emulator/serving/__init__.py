"""Deployments: the servers behind endpoints, and the scoring route before them."""
