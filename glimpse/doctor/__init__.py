"""What an operator can be told about everything that Glimpse depends on; each look changes nothing."""
