"""Workers, supervisors and triggerers that are killed at any moment: no job is lost, none is submitted twice."""
