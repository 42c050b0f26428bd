"""What an import request asks for, looked at in the order that clients know (section 18 of the contract)."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from glimpse.errors import Conflict, Invalid
from schemas.images import UUID
from schemas.vocabulary import ImportMethod


@dataclass(frozen=True, slots=True)
class Wish:
    """An import that somebody wants."""

    method: ImportMethod
    stores: list[str] | None
    all_stores: bool
    all_stores_must_succeed: bool
    header_store: str | None
    body: dict[str, Any]
    token: str | None = field(default=None, repr=False)
    """What the caller was identified by, for what is done in the caller's name."""
    catalogue: str | None = field(default=None, repr=False)
    """What services the caller may use, as whoever identified the caller says."""


FLAGS = {"all_stores": False, "all_stores_must_succeed": True}


def wish(body: dict[str, Any], header_store: str | None, enabled: Collection[ImportMethod]) -> Wish:
    """Read an import body, as far as it says by itself that it makes no sense (IMG-468 to IMG-470, IMG-473, IMG-728).

    Raises Invalid. What depends on the image and on the stores is looked at later, after both (IMG-467).
    """
    method = body.get("method")
    if not isinstance(method, dict):
        raise Invalid("an import needs a method: an object with its name")
    name = method.get("name")
    if not isinstance(name, str) or name not in enabled:
        raise Invalid(f"unknown import method {name!r}; {', '.join(enabled) or 'none'} can be used")
    flags = {flag: body.get(flag, default) for flag, default in FLAGS.items()}
    for flag, value in flags.items():
        if not isinstance(value, bool):
            raise Invalid(f"{flag} is true or false, not {value!r}")
    stores = body.get("stores")
    if "stores" in body and (not isinstance(stores, list) or not all(isinstance(each, str) for each in stores)):
        raise Invalid("stores is a list of store ids")
    if stores == []:
        raise Invalid("stores is empty: name at least one, or leave it out")
    if method.get("digest") is not None:
        _check_digest(method["digest"])
    return Wish(ImportMethod(name), stores, header_store=header_store, body=body, **flags)


def check_remote(method: dict[str, Any]) -> None:
    """Raise Invalid unless a glance-download says where its image is (IMG-478)."""
    if method["name"] != ImportMethod.GLANCE_DOWNLOAD:
        return
    for name in ("glance_region", "glance_image_id"):
        if not isinstance(method.get(name), str) or not method[name]:
            raise Invalid(f"glance-download needs {name}")
    if not re.fullmatch(UUID, method["glance_image_id"]):
        raise Invalid("glance_image_id is no UUID")


def uris(method: dict[str, Any]) -> list[str]:
    """Return where a web-download may fetch from, the mirrors last. Raises Invalid (IMG-477, IMG-728)."""
    if method["name"] != ImportMethod.WEB_DOWNLOAD:
        return []
    if not isinstance(method.get("uri"), str) or not method["uri"]:
        raise Invalid("web-download needs a uri")
    mirrors = method.get("mirrors") or []
    if not isinstance(mirrors, list) or not all(isinstance(each, str) for each in mirrors):
        raise Invalid("mirrors is a list of URIs")
    return [method["uri"], *mirrors]


def targets(wished: Wish, names: list[str], default: str, read_only: Collection[str]) -> list[str]:
    """Return the stores to fill. Raises Conflict for one that takes no bytes, Invalid for too many words on it.

    In this order (IMG-472, IMG-471).
    """
    in_header = [wished.header_store] if wished.header_store is not None else []
    for name in (*(wished.stores or ()), *in_header):
        if name not in names:
            raise Conflict(f"there is no store {name}; there are {', '.join(names)}")
        if name in read_only:
            raise Conflict(f"store {name} takes no bytes: name another one")
    if (wished.all_stores and (wished.stores or in_header)) or (wished.stores and in_header):
        raise Invalid("say where to only once: with all_stores, with stores, or with the header X-Image-Meta-Store")
    if wished.all_stores:
        return [name for name in names if name not in read_only]
    return list(dict.fromkeys(wished.stores or in_header or [default]))


def _check_digest(digest: Any) -> None:
    name, colon, value = digest.partition(":") if isinstance(digest, str) else ("", "", "")
    try:
        size = hashlib.new(name, usedforsecurity=False).digest_size if colon else 0
    except ValueError:
        size = 0
    if not size or not re.fullmatch(rf"[0-9a-fA-F]{{{size * 2}}}", value):
        raise Invalid("digest is written as <hashlib name>:<hex>, such as sha256:9f86d0...")
