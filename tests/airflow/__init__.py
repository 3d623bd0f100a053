"""Operators, triggers and sensors inside a real Airflow."""
