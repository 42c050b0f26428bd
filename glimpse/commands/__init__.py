"""The commands of `glimpse`, one file for each family; each is thin and calls what does the work."""
