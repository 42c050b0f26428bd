"""Mode `keystone`: whoever asks shows a token, and OpenStack's identity service says what it is worth."""
