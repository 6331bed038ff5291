"""Keys and values: how much there is room for, and where they lie."""
