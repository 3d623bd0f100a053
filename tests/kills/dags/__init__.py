"""The DAGs folder of tasks whose processes are killed."""
