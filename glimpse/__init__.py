"""The machinery of Glimpse: facts (database), news (bus), bytes (stores), and the rules they share."""
