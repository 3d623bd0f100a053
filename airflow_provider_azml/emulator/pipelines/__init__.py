"""Pipeline jobs: graphs of steps, each a job of its own."""
