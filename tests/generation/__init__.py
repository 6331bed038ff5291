"""Tests of `bot.generation`, on small models with random weights."""
