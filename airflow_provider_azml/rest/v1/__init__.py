"""The data plane of CLI and SDK v1: runs, models, web services, hyperparameter tuning, artifacts, pipelines."""
