"""Writes MaxMind databases for tests of match.geoip and match.asn.

    mmdb_writer.write(path, {"10.0.0.0/8": country("CN"), "2001:db8::/32": country("US")})
    mmdb_writer.write(path, {"10.0.0.0/8": asn(64500)}, type="Test-ASN")

From a shell: mmdb_writer.py FILE 10.0.0.0/8=CN 192.0.2.0/24=64500 ...
The format is MaxMind DB 2.0, with an IPv6 tree in which IPv4 is ::/96. Longer prefixes take their
part out of shorter ones, in whatever order they are given.
"""

import ipaddress
import os
import struct
import sys

EMPTY = None


def country(code, key="country"):
    return {key: {"iso_code": code}}


def asn(number, organization="Example"):
    return {"autonomous_system_number": number, "autonomous_system_organization": organization}


class Uint16(int):
    pass


class Uint64(int):
    pass


def control(type_, size):
    """The octets before a value of `size` bytes or elements."""
    first = 0 if type_ > 7 else type_ << 5
    more = b""
    if size >= 285:
        first, more = first | 30, struct.pack(">H", size - 285)
    elif size >= 29:
        first, more = first | 29, bytes([size - 29])
    else:
        first |= size
    return bytes([first]) + (bytes([type_ - 7]) if type_ > 7 else b"") + more


def encode(value):
    if isinstance(value, str):
        raw = value.encode()
        return control(2, len(raw)) + raw
    if isinstance(value, Uint16):
        return control(5, 2) + struct.pack(">H", value)
    if isinstance(value, Uint64):
        return control(9, 8) + struct.pack(">Q", value)
    if isinstance(value, int):
        return control(6, 4) + struct.pack(">I", value)
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encode, value))
    pairs = b"".join(encode(key) + encode(item) for key, item in value.items())
    return control(7, len(value)) + pairs


class Leaf:
    """A record that points into the data."""

    def __init__(self, offset):
        self.offset = offset


def bits_of(network):
    """The prefix as a list of bits, that of an IPv4 one below ::/96."""
    bits = int(network.network_address)
    length = network.prefixlen + (96 if network.version == 4 else 0)
    return [bits >> (127 - i) & 1 for i in range(length)]


def tree_of(networks):
    """Nodes as pairs of records: EMPTY, the index of a node, or a Leaf; and the data."""
    nodes, data = [[EMPTY, EMPTY]], b""
    for network, value in sorted(networks.items(), key=lambda item: len(bits_of(item[0]))):
        bits = bits_of(network)
        node = 0
        for bit in bits[:-1]:
            record = nodes[node][bit]
            if not isinstance(record, int):
                nodes.append([record, record])
                nodes[node][bit] = len(nodes) - 1
            node = nodes[node][bit]
        nodes[node][bits[-1]] = Leaf(len(data))
        data += encode(value)
    return nodes, data


def to_bytes(prefixes, type="Test-Country"):
    """`prefixes`: text of a prefix -> value, a dict of texts, integers and dicts."""
    nodes, data = tree_of({ipaddress.ip_network(text): value for text, value in prefixes.items()})

    def record(value):
        if value is EMPTY:
            value = len(nodes)
        elif isinstance(value, Leaf):
            value = len(nodes) + 16 + value.offset
        return struct.pack(">I", value)

    tree = b"".join(record(value) for node in nodes for value in node)
    metadata = {"binary_format_major_version": Uint16(2), "binary_format_minor_version": Uint16(0),
                "build_epoch": Uint64(1700000000), "database_type": type,
                "description": {"en": "made for a test"}, "ip_version": Uint16(6),
                "languages": ["en"], "node_count": len(nodes), "record_size": Uint16(32)}
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + encode(metadata)


def write(path, prefixes, type="Test-Country"):
    """Replaces the file in one step, as a program that has the old one mapped needs it."""
    new = f"{path}.new"
    with open(new, "wb") as file:
        file.write(to_bytes(prefixes, type))
    os.replace(new, path)


def main(arguments):
    if len(arguments) < 2 or not all("=" in item for item in arguments[1:]):
        sys.exit("usage: mmdb_writer.py FILE PREFIX=COUNTRY|PREFIX=ASN ...")
    pairs = (item.split("=") for item in arguments[1:])
    write(arguments[0], {prefix: asn(int(value)) if value.isdigit() else country(value)
                         for prefix, value in pairs})


if __name__ == "__main__":
    main(sys.argv[1:])
