"""The Discord adapter: on its own, and against the loopback Discord."""
