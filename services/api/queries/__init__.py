"""One function, one statement; only actions call them."""
