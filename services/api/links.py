"""Query strings as they were sent, and the links between the pages of a list that are made of them."""

from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from glimpse.errors import Invalid


def query_of(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Return the parameters of a request in their order. Raises Invalid for what is no text (IMG-92)."""
    try:
        pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True, errors="strict")
    except ValueError:
        raise Invalid("the query has bytes in it that are not UTF-8") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise Invalid("the query has U+0000 in it, which nothing can be called")
    return pairs


def page(path: str, query: list[tuple[str, str]], marker: str | None) -> str:
    """Link to a page of a list: the same query, but for where it begins (IMG-277, IMG-708)."""
    pairs = [(name, value) for name, value in query if name != "marker"]
    if marker is not None:
        pairs.append(("marker", marker))
    return f"{path}?{urlencode(pairs)}" if pairs else path
