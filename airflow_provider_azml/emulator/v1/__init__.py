"""The data plane of the retired generation, as azureml-core and CLI v1 speak to it."""
