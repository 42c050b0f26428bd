"""Which URIs and which addresses web-download is let near."""

from ipaddress import ip_network

import pytest

from glimpse import addresses, settings
from glimpse.errors import Forbidden, Invalid

RULES = settings.Import()


@pytest.mark.rule("IMG-27", "OP-31")
@pytest.mark.parametrize(
    "uri",
    [
        "http://images.example.org/disk.qcow2",
        "https://images.example.org:443/disk.qcow2?token=1",
        "http://93.184.216.34/disk",
        "http://[2606:2800:220:1:248:1893:25c8:1946]/disk",
        "HTTPS://Images.Example.org/",
    ],
)
def test_a_public_uri_is_let_through(uri):
    addresses.check_uri(uri, RULES)


@pytest.mark.rule("IMG-27", "OP-31", "OP-32")
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "images.example.org/disk",
        "//images.example.org/disk",
        "ftp://images.example.org/disk",
        "file:///etc/passwd",
        "http:///disk",
        "http://images.example.org:8080/disk",
        "http://images.example.org:99999/disk",
        "http://me@images.example.org/",
        "http://me:secret@images.example.org/",
        "http://2130706433/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://①②⑦.0.0.1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://%31%32%37.0.0.1/",
        "http://images.example.org\\@127.0.0.1/",
        "http://images.example.org/ disk",
        "http://images.example.org/\r\nHost: other",
    ],
)
def test_any_other_uri_is_refused(uri):
    with pytest.raises(Invalid):
        addresses.check_uri(uri, RULES)


@pytest.mark.rule("OP-31")
def test_an_empty_list_of_ports_restricts_nothing():
    addresses.check_uri("http://images.example.org:8080/", settings.Import(allowed_ports=()))


@pytest.mark.rule("OP-31")
@pytest.mark.parametrize(
    ("rules", "uri"),
    [
        ({"allowed_hosts": ["images.example.org"]}, "http://mirror.example.org/"),
        ({"allowed_hosts": ["images.example.org"]}, "http://images.example.org.evil.example/"),
        ({"allowed_hosts": ["93.184.216.34"]}, "http://93.184.216.35/"),
        ({"disallowed_hosts": ["Images.Example.org"]}, "http://IMAGES.example.ORG/"),
        ({"disallowed_hosts": ["images.example.org"]}, "http://images.example.org./"),
        ({"disallowed_hosts": ["bücher.example"]}, "http://xn--bcher-kva.example/"),
        ({"disallowed_hosts": ["[2606:2800:0220::1]"]}, "http://[2606:2800:220:0:0:0:0:1]/"),
        ({"allowed_schemes": [], "disallowed_schemes": ["http"]}, "http://images.example.org/"),
        ({"allowed_ports": [], "disallowed_ports": [8080]}, "http://images.example.org:8080/"),
    ],
)
def test_what_the_operator_does_not_allow_is_refused(rules, uri):
    with pytest.raises(Invalid, match="not allowed"):
        addresses.check_uri(uri, settings.Import.model_validate(rules))


@pytest.mark.rule("OP-31")
@pytest.mark.parametrize(
    ("rules", "uri"),
    [
        ({"allowed_hosts": ["IMAGES.example.org"]}, "http://images.example.org/"),
        ({"allowed_hosts": ["images.example.org"]}, "http://images.example.org./"),
        ({"disallowed_hosts": ["images.example.org"]}, "http://mirror.example.org/"),
        ({"allowed_schemes": [], "disallowed_schemes": ["http"]}, "https://images.example.org/"),
        ({"allowed_ports": [], "disallowed_ports": [8080]}, "http://images.example.org:8081/"),
        ({"allowed_ports": [], "disallowed_ports": [80]}, "http://images.example.org/"),  # only a written port
    ],
)
def test_what_the_operator_allows_is_let_through(rules, uri):
    addresses.check_uri(uri, settings.Import.model_validate(rules))


@pytest.mark.rule("OP-31")
@pytest.mark.parametrize(
    "rules",
    [{"allowed_hosts": ["a"], "disallowed_hosts": ["b"]}, {"disallowed_ports": [80]}, {"disallowed_schemes": ["http"]}],
)
def test_a_list_that_would_mean_nothing_is_a_mistake(rules):
    with pytest.raises(ValueError, match="would mean nothing"):
        settings.Import.model_validate(rules)


@pytest.mark.parametrize("host", ["images.example.org:80", "http://images.example.org", "", "two words", "."])
def test_what_is_no_host_is_a_mistake(host):
    with pytest.raises(ValueError, match="is no host"):
        settings.Import.model_validate({"allowed_hosts": [host]})


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_public_addresses_may_be_reached(address):
    addresses.check_address(address, RULES)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "no address",
    ],
)
def test_other_addresses_may_not(address):
    with pytest.raises(Forbidden):
        addresses.check_address(address, RULES)


def test_the_operator_may_allow_networks():
    rules = settings.Import(allowed_networks=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1"):
        addresses.check_address(address, rules)
    with pytest.raises(Forbidden):
        addresses.check_address("192.168.0.1", rules)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", ".".join(["a" * 60] * 5)])
def test_a_host_whose_name_no_resolver_takes_is_refused(host: str) -> None:
    with pytest.raises(Invalid):
        addresses.check_uri(f"http://{host}/disk", settings.Import())
