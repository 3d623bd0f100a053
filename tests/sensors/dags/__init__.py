"""A DAGs folder for whole Airflows."""
