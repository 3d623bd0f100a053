"""What we say of the service, held against what Microsoft says of it."""
