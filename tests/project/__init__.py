"""The project's own rules, kept by machine."""
