"""Small commands for those who work on Glimpse; nothing here is installed with it."""
