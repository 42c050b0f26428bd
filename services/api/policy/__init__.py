"""Who may do what: the rules, and what they are written in."""
