"""Mode `jwt`: whoever asks shows a signed token of an OpenID provider, which is looked at here."""
