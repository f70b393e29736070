"""What runs the tasks of a scan: this process, others on this machine, or a cluster. None of them changes a bit."""
