"""Measurements, each side by side with the naive way in one run; none is a test."""
