"""Short words that lead to long addresses."""
