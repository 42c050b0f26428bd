"""What an upload says of its bytes."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from glimpse.errors import Invalid
from services.api.announcements import Announced, announced


def fields(*pairs):
    return CIMultiDictProxy(CIMultiDict(pairs))


def digest(name, content=b"bytes"):
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


def test_an_upload_need_not_say_anything():
    assert announced(fields()) == Announced(None, {}, None)


@pytest.mark.rule("IMG-394")
def test_our_own_field_beats_the_length_of_the_body():
    assert announced(fields(("x-openstack-image-size", "7"), ("Content-Length", "9"))).size == 7
    assert announced(fields(("Content-Length", "9"))).size == 9


@pytest.mark.rule("IMG-397", "IMG-703")
@given(st.text())
def test_a_size_is_a_number_or_refused(text):
    try:
        size = announced(fields(("x-openstack-image-size", text))).size
    except Invalid:
        return
    assert size == int(text)
    assert size >= 0


@pytest.mark.rule("IMG-728")
def test_digests_are_read_from_both_fields_and_what_nobody_knows_is_left_aside():
    found = announced(
        fields(
            ("Repr-Digest", f"sha-256=:{digest('sha256')}:,unixsum=:AAAA:"),
            ("Content-Digest", f"  sha-512=:{digest('sha512')}:;wanted , id-sha-256=:AA:"),
            ("Repr-Digest", f"sha-256=:{digest('sha256')}:"),
        )
    ).digests
    assert found == {name: hashlib.new(name, b"bytes").hexdigest() for name in ("sha256", "sha512")}


@pytest.mark.rule("IMG-728")
@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="\r\n")))
def test_a_digest_is_read_or_refused(text):
    try:
        found = announced(fields(("Repr-Digest", text))).digests
    except Invalid:
        return
    assert all(len(bytes.fromhex(value)) * 8 == int(name[3:]) for name, value in found.items())
