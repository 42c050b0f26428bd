"""Where nobody is asked who they are, this machine alone may come in (AC-43)."""

import socket

import pytest

from glimpse import doors
from glimpse.errors import Invalid
from glimpse.settings import Settings

NAMES = {"localhost": "127.0.0.1", "here": "127.0.1.1", "elsewhere": "192.0.2.7"}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know a few names, as /etc/hosts of some machine does."""
    real = socket.getaddrinfo

    def asked(host: str, *given: object, **more: object) -> object:
        if host.endswith(".example"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(NAMES.get(host, host), *given, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(socket, "getaddrinfo", asked)


def settings(host: str, **auth: object) -> Settings:
    return Settings.model_validate({"api": {"host": host}, "auth": {"mode": "none", **auth}})


@pytest.mark.rule("AC-43")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "here"])
def test_what_is_this_machine_alone_is_let_be(host: str) -> None:
    doors.refuse_open_ones(settings(host))


@pytest.mark.rule("AC-43")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "elsewhere"])
def test_what_others_can_reach_is_refused_unless_somebody_asks_or_insists(host: str) -> None:
    with pytest.raises(Invalid, match=f"auth.mode is none, and {host} can be reached from outside"):
        doors.refuse_open_ones(settings(host))
    doors.refuse_open_ones(settings(host, mode="headers"))
    doors.refuse_open_ones(settings(host, insecure=True))


def test_localhost_is_what_this_machine_takes_it_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NAMES, "localhost", "192.0.2.7")
    with pytest.raises(Invalid, match="can be reached from outside"):
        doors.refuse_open_ones(settings("localhost"))


def test_a_name_that_is_nobodys_is_told() -> None:
    with pytest.raises(Invalid, match=r"api\.host: glimpse\.example is no address of this machine"):
        doors.refuse_open_ones(settings("glimpse.example"))
