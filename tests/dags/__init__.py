"""Tests of DAGs that are made of AML files."""
