"""The MLflow tracking server of every workspace."""
