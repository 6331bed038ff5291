"""What an operator wants to know of a running Quipu: facts, readiness, figures of the moment."""
