"""What the first bytes of a disk tell us, and what we refuse."""
