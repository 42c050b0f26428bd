"""The database: the same server, but a database of its own, for that of the reference is full of the reference."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from glimpse.moving.conf import Conf, Option
from glimpse.moving.outcome import Kind, Outcome

NAME = "glimpse"
CONNECTION = Option("database", "connection")
LIBPQ = frozenset(
    {"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile", "target_session_attrs"}
)
"""What may stand behind the question mark; the drivers of the reference have more."""

POSTGRES_NEEDED = "Glimpse keeps its facts in Postgres: make a database and set postgres.dsn"
NOT_TAKEN_ALONG = "images, members and definitions do not come along; bytes stay where they are"


def convert(conf: Conf, outcome: Outcome) -> None:
    """Take over where the database is."""
    for option in (Option("DEFAULT", "sql_connection"), CONNECTION):
        url = conf.text(option.name, option.group)
        if url is not None:
            _connection(url, option, outcome)
    size = conf.text("max_pool_size", "database")
    if size is not None and size.isdecimal() and int(size):
        outcome.put("postgres.pool_size", int(size), "[database] max_pool_size")
    outcome.note(Kind.FIRST, CONNECTION, NOT_TAKEN_ALONG)
    if "dsn" not in outcome.tree.get("postgres", {}):
        outcome.note(Kind.FIRST, CONNECTION, POSTGRES_NEEDED)


def _connection(url: str, option: Option, outcome: Outcome) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        outcome.note(Kind.FIRST, option, "is no address of a database")
        return
    dialect = parts.scheme.partition("+")[0]
    if dialect not in ("postgres", "postgresql"):
        outcome.note(Kind.FIRST, option, f"names a database of the kind {dialect or 'unknown'}, which is not used here")
        return
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in asked if name in LIBPQ], quote_via=quote, safe="/")
    outcome.put("postgres.dsn", f"postgresql://{parts.netloc}/{NAME}" + (f"?{kept}" if kept else ""), option)
    outcome.note(
        Kind.FIRST,
        option,
        f"the database {parts.path.strip('/') or 'of the reference'} stays as it is: make one called {NAME} beside it "
        f"(createdb {NAME}), then run `glimpse db upgrade`",
    )
    for name, _value in asked:
        if name not in LIBPQ:
            outcome.note(Kind.RETIRED, f"{option}: {name}", "is for another driver")
