"""Forms of output, and what they say."""
