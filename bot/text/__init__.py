"""From the model's ids to text, and from text to parts that fit a platform's messages."""
