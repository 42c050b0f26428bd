"""What the API does, told from top to bottom; actions own the transactions."""
