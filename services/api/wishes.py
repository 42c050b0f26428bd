"""What an import request asks for, looked at in the order that clients know (section 18 of the contract)."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
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


def wish(body: dict[str, Any], header_store: str | None, enabled: Collection[ImportMethod]) -> Wish:
    """Read an import body, as far as it can be judged without the image. Raises Invalid (IMG-468 to IMG-471)."""
    method = body.get("method")
    if not isinstance(method, dict):
        raise Invalid("an import needs a method: an object with its name")
    name = method.get("name")
    if name not in {str(each) for each in enabled}:
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
    if sum((flags["all_stores"], stores is not None)) > 1 or (
        header_store is not None and (flags["all_stores"] or stores is not None)
    ):
        raise Invalid("say where to only once: with all_stores, with stores, or with the header X-Image-Meta-Store")
    return Wish(ImportMethod(name), stores, header_store=header_store, body=body, **flags)


FLAGS = {"all_stores": False, "all_stores_must_succeed": True}


def check_method(method: dict[str, Any]) -> None:
    """Raise Invalid unless a method has what it needs (IMG-477, IMG-478, IMG-728); the image was looked at before."""
    match method["name"]:
        case ImportMethod.WEB_DOWNLOAD:
            if not isinstance(method.get("uri"), str) or not method["uri"]:
                raise Invalid("web-download needs a uri")
            mirrors = method.get("mirrors", [])
            if not isinstance(mirrors, list) or not all(isinstance(each, str) for each in mirrors):
                raise Invalid("mirrors is a list of URIs")
        case ImportMethod.GLANCE_DOWNLOAD:
            for name in ("glance_region", "glance_image_id"):
                if not isinstance(method.get(name), str) or not method[name]:
                    raise Invalid(f"glance-download needs {name}")
            if not re.fullmatch(UUID, method["glance_image_id"]):
                raise Invalid("glance_image_id is no UUID")
    if method.get("digest") is not None:
        _check_digest(method["digest"])


def targets(wished: Wish, names: list[str], default: str, read_only: Collection[str]) -> list[str]:
    """Return the stores to fill. Raises Conflict for one that does not exist (IMG-472)."""
    if wished.all_stores:
        return [name for name in names if name not in read_only]
    asked = wished.stores or ([wished.header_store] if wished.header_store else [default])
    for name in asked:
        if name not in names:
            raise Conflict(f"there is no store {name}; there are {', '.join(names)}")
    return list(dict.fromkeys(asked))


def _check_digest(digest: Any) -> None:
    name, colon, value = digest.partition(":") if isinstance(digest, str) else ("", "", "")
    try:
        size = hashlib.new(name, usedforsecurity=False).digest_size if colon else 0
    except ValueError:
        size = 0
    if not size or not re.fullmatch(rf"[0-9a-fA-F]{{{size * 2}}}", value):
        raise Invalid("digest is written as <hashlib name>:<hex>, such as sha256:9f86d0...")
