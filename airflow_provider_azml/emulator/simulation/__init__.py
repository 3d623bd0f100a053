"""Jobs that run nothing and only take time."""
