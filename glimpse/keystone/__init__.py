"""OpenStack's identity service on the wire, for whoever asks it something with a token of our own."""
