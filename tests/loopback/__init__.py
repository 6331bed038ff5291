"""Platforms that run on this machine, so that unmodified platform libraries can be tested."""
