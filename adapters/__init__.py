"""The platforms: each folder turns events into Inbounds, and replies into messages."""
