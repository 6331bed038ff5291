"""The HTTP server that platforms share: health, and the routes they mount on it."""
