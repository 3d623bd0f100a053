"""Not a DAG file: it does not even import."""

raise ImportError("no such luck")
