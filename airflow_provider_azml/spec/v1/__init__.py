"""Files of the retired generation, CLI and SDK v1, read as what they mean today."""
