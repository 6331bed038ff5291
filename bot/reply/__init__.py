"""A reply on its platform: split into parts, shown as it grows, finished or explained."""
