"""How fast Glimpse is, beside what the machine itself can do in the same run."""
