"""Moving here from the reference: what its configuration says, in the words of our settings.

`ini` reads the files, `convert` puts the parts together: plain `options`, `stores`, `imports`, `identity`, `database`.
Each part takes what it knows from a `Conf` and writes to an `Outcome`; what nobody took is looked up in `without`.
"""
