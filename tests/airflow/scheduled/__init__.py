"""A DAGs folder for whole Airflows, with schedule files."""
