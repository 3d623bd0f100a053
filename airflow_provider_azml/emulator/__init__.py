"""A local Azure Machine Learning, in which jobs, models and endpoints really run."""
