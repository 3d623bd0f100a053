"""Run history: what is known of runs, and how it is asked for."""
