"""What the API does, step by step; actions own the transactions."""
