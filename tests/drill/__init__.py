"""The crash drill: people talk, the program is killed again and again, and nothing may be missing.

The loopback Discord and Slack live in the drill's own process and outlive every kill, so what they
hold is what people have seen. `python -m tests.drill` runs it.
"""
