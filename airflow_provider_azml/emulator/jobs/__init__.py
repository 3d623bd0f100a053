"""Command jobs: when they run, on which Python, with which files, and what comes of them."""
