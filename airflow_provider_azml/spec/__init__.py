"""AML files: read, validated, and turned into flows that submit them; knows nothing of Airflow."""
