"""The options of each command, with their help; none imports what takes long to import."""
