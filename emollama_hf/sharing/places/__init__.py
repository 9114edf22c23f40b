"""Where a feature data set is shared: a directory, a file system, the Hub."""
