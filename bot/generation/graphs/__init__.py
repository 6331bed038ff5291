"""Decoding in steps of few shapes, recorded once and replayed: one call for a whole step."""
