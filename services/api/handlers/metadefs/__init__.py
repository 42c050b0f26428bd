"""HTTP in, HTTP out, for the catalogue of metadata definitions."""
