"""The configuration, the log and the command line."""
