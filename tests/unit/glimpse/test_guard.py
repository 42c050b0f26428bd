"""The guard at the socket: what it refuses, and what strangers are told of that."""

import socket

import pytest

from glimpse import settings
from glimpse.guard import Guard


def test_what_a_name_inside_leads_to_is_refused_and_not_told():
    guard = Guard(settings.Import())
    with pytest.raises(PermissionError):
        guard((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("10.1.2.3", 80)))
    assert guard.refused is not None
    assert "10.1.2.3" not in guard.refused


def test_what_is_public_gets_a_socket():
    guard = Guard(settings.Import())
    with guard((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("1.1.1.1", 80))) as made:
        assert made.family is socket.AF_INET
    assert guard.refused is None
