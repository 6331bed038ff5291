"""Models as files: imported from Meta's download, fetched from a hub, checked on disk."""
