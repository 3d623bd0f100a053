"""DAG files in Python, written from AML files."""
