"""What computes do over time: nodes of clusters come and go, instances start and stop."""
