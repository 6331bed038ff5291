"""Slack: events in, messages, edits and native streams out, and the persona's slash command."""
