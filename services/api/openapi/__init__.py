"""What the API says of itself: every route, what it takes and what it answers, as OpenAPI 3.1."""
