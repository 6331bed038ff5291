"""A checkpoint's weights: how they are loaded, in what precision, and whether they fit."""
