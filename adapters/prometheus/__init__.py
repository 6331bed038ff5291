"""Facts and figures as Prometheus reads them; it has a registry of its own."""
