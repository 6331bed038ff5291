"""What is measured, one part per file; each gives the rows of one table."""
