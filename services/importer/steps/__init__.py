"""What a job goes through, one file for each step."""
