"""RQ jobs, a few lines each: open a session, call an operation, commit. They take ids, and each is backed by a row."""
