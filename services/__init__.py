"""The three processes: api (people ask), importer (bytes arrive), scrubber (images go, and come back)."""
