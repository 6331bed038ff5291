"""The Slack adapter, for itself and against a loopback Slack."""
