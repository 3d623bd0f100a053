"""The DAGs folder of tasks that wait while their triggerer is restarted."""
