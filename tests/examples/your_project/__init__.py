"""What docs/how-to/test-your-dags.md shows, as a reader would have it."""
