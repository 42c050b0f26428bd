"""Bytes on a socket that are no proper request, or an odd one: a clear answer, never a failure of ours."""

import re
import socket

import pytest

from tests.fixtures.raw import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHO = b"X-Identity-Status: Confirmed\r\nX-Roles: member,reader\r\nX-Project-Id: p1\r\nX-User-Id: u1\r\n"
LARGEST = 64 * 1024


def request(line, *fields, body=b"", last=True):
    """Write a request down; the last one on its connection says so."""
    more = b"".join(field + b"\r\n" for field in fields)
    closing = b"Connection: close\r\n" if last else b""
    return line + b" HTTP/1.1\r\nHost: h\r\n" + WHO + more + closing + b"\r\n" + body


def creating(*fields, body=b"{}", last=True):
    return request(b"POST /v2/images", *fields, body=body, last=last)


def statuses(came):
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", came)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # paths
        (request(b"GET /v2/images#fragment"), [200]),
        (request(b"GET http://elsewhere.test/v2/images"), [200]),
        (request(b"GET http://[/v2/images"), [400]),
        (request(b"GET *"), [400]),
        (request(b"GET v2/images"), [400]),
        (request(b"GET /v2/images/%zz"), [404]),
        (request(b"GET /v2/images/%"), [404]),
        (request(b"GET /v2/images/%00"), [404]),
        (request(b"GET /v2/images/%F0%9F%98%80"), [404]),
        (request(b"GET /v2/images/%FF"), [400]),
        (request(b"GET /v2/images/%ED%A0%80"), [400]),  # half of a pair
        (request(b"GET /%FF"), [400]),
        (request(b"GET /v2/images/\xff"), [400]),
        (request(b"GET /v2/images?name=\xff"), [400]),
        (request(b"GET /v2/images?name=%FF"), [400]),  # IMG-92
        (request(b"GET /v2/images?%FF=name"), [400]),
        (request(b"GET /v2/images?name=%zz"), [200]),
        (request(b"GET /v2/images?&&=&a&"), [200]),
        (request(b"GET /v2/images?" + b"&".join(b"a%d" % n for n in range(10_000))), [200]),  # IMG-643
        (request(b"GET /v2/images?" + b"a&" * 30_000), [200]),
        (request(b"GET /v2/images?name=" + b"a" * 60_000), [200]),
        (request(b"GET /v2/images?name=" + b"a" * LARGEST), [431]),
        # header fields
        (request(b"GET /v2/images", b"X-Auth-Token: " + b"a" * 16 * 1024), [200]),  # AC-46
        (request(b"GET /v2/images", b"X-Auth-Token: " + b"a" * 60_000), [200]),
        (request(b"GET /v2/images", b"X-Auth-Token: " + b"a" * (LARGEST + 1)), [431]),
        (request(b"GET /v2/images", b"X-Auth-Token: " + b"a" * 1_000_000), [431]),
        (request(b"GET /v2/images", b"a" * (LARGEST + 1) + b": x"), [431]),
        (request(b"GET /v2/images", *(b"X-A%d: x" % n for n in range(100))), [200]),
        (request(b"GET /v2/images", *(b"X-A%d: x" % n for n in range(1000))), [400]),
        (request(b"GET /v2/images", "User-Agent: Grüße".encode()), [200]),
        (request(b"GET /v2/images", b"User-Agent: \xff"), [400]),
        (request(b"GET /v2/images", b"X-Openstack-Request-Id: \xff"), [400]),
        (request(b"GET /v2/images", b"Accept: \xff"), [400]),
        (request(b"GET /", b"X-Odd: \xff"), [400]),
        (request(b"GET /v2/images", b"no colon"), [400]),
        (request(b"GET /v2/images", b"X-A: b\r\n folded"), [400]),
        (request(b"GET /v2/images", b"X-A: \x00"), [400]),
        (request(b"GET /v2/images", b"X-A: \x01"), [400]),
        # bodies, and what is said of them
        (creating(b"Content-Length: 2"), [201]),
        (creating(b"Content-Length: 2", body=b"{}{}{}"), [400]),
        (creating(b"Content-Length: -2"), [400]),
        (creating(b"Content-Length: x"), [400]),
        (creating(b"Content-Length: 99999999999999999999999999"), [400]),
        (creating(b"Content-Length: 2", b"Content-Length: 3"), [400]),
        (creating(b"Transfer-Encoding: chunked", body=b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), [201]),  # IMG-96
        (creating(b"Transfer-Encoding: Chunked", body=b"2;x=y\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n"), [201]),
        (creating(b"Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), [400]),
        (creating(b"Transfer-Encoding: chunked", body=b"2\r\n{}!\r\n0\r\n\r\n"), [400]),
        (creating(b"Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n{}"), [400]),
        (creating(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=b"2\r\n{}\r\n0\r\n\r\n"), [400]),
        (creating(b"Transfer-Encoding: gzip"), [400]),
        (creating(b"Content-Length: 2", b"Content-Encoding: gzip"), [201]),  # taken as it is
        (creating(b"Content-Length: 2", b"Expect: 100-continue"), [100, 201]),
        (creating(b"Content-Length: 2", b"Expect: the-unexpected"), [201]),
        # what is hardly HTTP
        (b"GET /v2/images HTTP/1.0\r\n" + WHO + b"\r\n", [200]),
        (b"POST /v2/images HTTP/1.0\r\n" + WHO + b"Content-Length: 2\r\n\r\n{}", [201]),
        (b"GET / HTTP/1.0\r\n\r\n", [300]),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", [400]),  # no Host
        (b"GET / HTTP/9.9\r\nHost: h\r\n\r\n", [400]),
        (b"GET / HTTP/1.1\nHost: h\n\n", [400]),
        (b"rubbish\r\n\r\n", [400]),
        (b"\x16\x03\x01\x02\x00\x01\x00", [400]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
        (request(b"CONNECT h:80"), [300]),
        (request(b"FLY /v2/images"), [501]),  # IMG-81
        (request(b"GET /v2/images", b"Upgrade: websocket"), [200]),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else None,
)
async def test_whatever_comes_is_answered(shared, sent, expected):
    assert statuses(await shared.talk(sent)) == expected


async def test_requests_may_follow_each_other_without_waiting(shared):
    listing = request(b"GET /v2/images?limit=0", last=False)
    sent = listing + creating(b"Content-Length: 2", last=False) * 3 + listing + request(b"GET /v2/images/nothing")
    assert statuses(await shared.talk(sent)) == [200, 201, 201, 201, 200, 404]


async def test_a_refusal_leaves_the_connection_usable(shared):
    refused = request(b"GET /v2/images/x", b"Content-Length: 3", body=b"abc", last=False)
    assert statuses(await shared.talk(refused + request(b"GET /v2/images"))) == [400, 200]


async def test_a_client_that_ends_in_the_middle_of_its_body_is_told_and_makes_nothing(shared):
    name = "never to be"
    sent = creating(b"Content-Length: 200", body=f'{{"name": "{name}"'.encode())
    answer = await shared.talk(sent, then_close=True)
    assert statuses(answer) == [400]
    assert b"the body ended before all of it had come" in answer
    assert (await shared.person().get(f"/v2/images?name={name}")).json["images"] == []


async def test_chunks_that_turn_out_to_be_none_are_answered_once(shared):
    listing = request(b"GET /v2/images?limit=0", last=False)
    broken = creating(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n")
    async with connected(shared.base) as client:
        await client.send(listing * 3 + broken)
        assert [(await client.answer())[0].status for _ in range(3)] == [200, 200, 200]
        await client.send(b"zz\r\n")
        assert statuses(await client.rest()) == [400]


@pytest.mark.parametrize("length", [b"abc", b"-1", b"1 2", b""])
async def test_a_length_that_is_none_is_one_quiet_line_in_the_log(shared, capsys, caplog, length):
    assert statuses(await shared.talk(creating(b"Content-Length: " + length))) == [400]
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err + caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    (line,) = said.out.splitlines()
    assert "no request" in line


@pytest.mark.parametrize("end", [b"", b"zz\r\n"])
async def test_a_body_that_nobody_wants_may_end_as_it_likes(shared, caplog, end):
    refused = request(b"PUT /v2/images/x/tags/t", b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n", last=False)
    async with connected(shared.base) as client:
        await client.send(refused)
        assert (await client.answer())[0].status == 400  # without a look at what comes
        if end:
            await client.send(end)
        else:
            client.connection.shutdown(socket.SHUT_WR)
        assert await client.is_ended()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
