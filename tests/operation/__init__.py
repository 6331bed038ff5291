"""What an operator is told of a running Quipu."""
