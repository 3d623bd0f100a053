"""The wire: resource table, ids, flows and the two drivers; knows nothing of Airflow."""
