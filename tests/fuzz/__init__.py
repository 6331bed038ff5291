"""Hostile input by the million: `python -m tests.fuzz`, or `make fuzz`.

A case is a list of choices. Those that reach new ways through our own code are kept and changed a
little; one that breaks a promise is cut down to what is needed for it and printed, to be given
back with `--again`.
"""
