"""Slack: events in, messages, edits and native streams out, and commands in Slack's own ways."""
