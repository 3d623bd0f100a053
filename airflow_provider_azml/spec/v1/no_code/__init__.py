"""Models that CLI v1 deployed without code: the scoring scripts and environments that its service had for them."""
