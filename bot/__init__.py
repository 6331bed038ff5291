"""Quipu: the core. It knows conversations, prompts, generation and replies, but no platform."""

__version__ = "0.1.0"
