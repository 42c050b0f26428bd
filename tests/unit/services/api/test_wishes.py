"""What an import request asks for."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import Conflict, Invalid
from schemas.vocabulary import ImportMethod
from services.api import wishes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
METHODS = st.dictionaries(
    st.sampled_from(["name", "uri", "mirrors", "digest", "glance_region", "glance_image_id"]),
    st.one_of(JSON, st.sampled_from([*ImportMethod, "sha256:" + "0" * 64, "http://h/x"])),
)
BODIES = st.fixed_dictionaries(
    {}, optional={"method": METHODS | JSON, "stores": JSON, "all_stores": JSON, "all_stores_must_succeed": JSON}
)


@pytest.mark.rule("IMG-468", "IMG-469", "IMG-470", "IMG-473", "IMG-690")
@given(BODIES, st.none() | st.sampled_from(["", "a", "b"]))
def test_whatever_is_sent_is_understood_or_refused(body, header):
    try:
        wished = wishes.wish(body, header, tuple(ImportMethod))
        wishes.check_remote(wished.body["method"])
        stores = wishes.targets(wished, ["a", "b"], "a", ())
        uris = wishes.uris(wished.body["method"])
    except (Invalid, Conflict):
        return
    assert stores
    assert set(stores) <= {"a", "b"}
    assert all(isinstance(uri, str) for uri in uris)
    assert bool(uris) == (wished.method is ImportMethod.WEB_DOWNLOAD)


@pytest.mark.rule("IMG-463", "OP-10")
def test_all_stores_are_those_that_can_be_written():
    wished = wishes.wish({"method": {"name": "copy-image"}, "all_stores": True}, None, tuple(ImportMethod))
    assert wishes.targets(wished, ["a", "web", "b"], "a", {"web"}) == ["a", "b"]


@pytest.mark.rule("IMG-728")
@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"])
def test_every_digest_that_hashlib_makes_can_be_expected(name):
    method = {"name": "web-download", "digest": f"{name}:{hashlib.new(name).hexdigest().upper()}"}
    assert wishes.wish({"method": method}, None, tuple(ImportMethod)).method == "web-download"
