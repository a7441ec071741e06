#!/usr/bin/env python3
"""Writes the seed corpora: one small file per branch that a fuzzer would take long to find.

Run it after changing the input format of a target; the files it writes are committed.
"""

import base64
import gzip
import pathlib
import zlib

HERE = pathlib.Path(__file__).parent / "corpus"

SOCKS, HTTP, AUTH, BIND, UDP, RAW = 1, 2, 4, 8, 16, 32


def server(options, talk):
    return bytes([options, 7]) + talk


def upstream(scheme, talk, name=b"example.org", credentials=0):
    """scheme: 0 http, 1 socks4a, 2 socks5; credentials: 0x40 user, 0xc0 user and password.

    The top bits change the number's remainder by three, so look for one that has both."""
    bits = next(b for b in range(64) if (b | credentials) % 3 == scheme)
    return bytes([bits | credentials, 7, len(name)]) + name + talk


def datagrams(*pieces):
    return b"".join(len(piece).to_bytes(2, "big") + piece for piece in pieces)


def forward(request, response, flags=0):
    """flags: 1 HEAD, 2 an HTTP/1.0 client, 4 an upgrade. Blanks follow the request."""
    request += b" " * (-len(request) % 8)
    return bytes([7, flags, len(request) // 8]) + request + response


HELLO5 = b"\5\1\0"
V4 = b"\xc0\0\2\1\0\x50"
CONNECT = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n"
BASIC = b"Proxy-Authorization: Basic " + base64.b64encode(b"joe:secret") + b"\r\n"
RESPONSE = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 hop\r\n\r\n"

RPC_TYPE = b"Content-Type: application/x-neosocksd-rpc; version=1\r\n"


def http(first_line, body=b"", *fields, length=True):
    """A message of the API with the length of its body."""
    lines = [first_line, *fields] + ([b"Content-Length: %d" % len(body)] if length else [])
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


INVOKE = b"POST /ruleset/invoke HTTP/1.1"
RPC_OK = b"HTTP/1.1 200 OK\r\n" + RPC_TYPE[:-2]

# One answer with one address, behind the question that the target repeats.
DNS_ANSWER = (b"\x0e\x81\x80\0\1\0\1\0\0\0\0" + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
              b"\0\0")

CORPORA = {
    "fuzz_api_request": {
        "healthy": b"\1GET /healthy HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "stats": b"\0POST /stats?nobanner=1&q=a+b%20c HTTP/1.1\r\nAccept-Encoding: *\r\n\r\n",
        "invoke": b"\2" + http(INVOKE, b"return 1"),
        "rpcall": b"\0" + http(b"POST /ruleset/rpcall HTTP/1.1", b"return 1", RPC_TYPE[:-2]),
        "expect": b"\3" + http(INVOKE, b"x", b"Expect: 100-continue"),
        "chunked": b"\1" + http(INVOKE, b"3\r\nret\r\n0\r\nA: b\r\n\r\n",
                               b"Transfer-Encoding: chunked", length=False),
        "deflate": b"\1" + http(INVOKE, zlib.compress(b"x" * 300), b"Content-Encoding: deflate"),
        "raw": b"\1" + http(INVOKE, zlib.compress(b"x" * 300)[2:-4],
                           b"Content-Encoding: deflate"),
        "gzip": b"\1" + http(INVOKE, gzip.compress(b"x", mtime=0), b"Content-Encoding: gzip"),
        "pipelined": b"\5" + http(INVOKE, b"a") * 2 + b"\r\nGET /metrics HTTP/1.1\r\n\r\n",
        "absolute": b"\0GET http://127.0.0.1:1/%68ealthy#x HTTP/1.0\r\n\r\n",
        "browser": b"\0" + http(INVOKE, b"x", b"Origin: http://evil.example",
                               b"Sec-Fetch-Site: cross-site", b"Host: evil.example"),
        "token": b"\0GET /stats HTTP/1.1\r\nAuthorization: Bearer look\r\n\r\n",
        "codings": b"\0GET /stats HTTP/1.1\r\nAccept-Encoding: deflate;q=0, gzip\r\n\r\n",
        "too_long": b"\0POST /stats HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n",
        "both_lengths": b"\0" + http(INVOKE, b"x", b"Transfer-Encoding: chunked"),
        "slashes": b"\0GET ///ruleset//gc/ HTTP/1.1\r\n\r\n",
        "query": b"\0GET /stats?a&b=&=c&%zz HTTP/1.1\r\n\r\n",
        "malformed": b"\0GET\r\n\r\n",
    },
    "fuzz_rpc_response": {
        "ok": b"\1" + http(RPC_OK, b"return true,01"),
        "deflate": b"\2" + http(RPC_OK, zlib.compress(b"x" * 300), b"Content-Encoding: deflate"),
        "gzip": b"\2" + http(RPC_OK, gzip.compress(b"x" * 300, mtime=0),
                            b"Content-Encoding: gzip"),
        "chunked": b"\3" + http(RPC_OK, b"3\r\nret\r\n0\r\n\r\n", b"Transfer-Encoding: chunked",
                               length=False),
        "until_close": b"\1" + http(RPC_OK, b"return true", length=False),
        "message": b"\1" + http(b"HTTP/1.1 500 Internal Server Error\r\n" + RPC_TYPE[:-2], b"boom"),
        "status": b"\1" + http(b"HTTP/1.1 404 Not Found", b"x"),
        "foreign": b"\1" + http(b"HTTP/1.1 200 OK", b"x", b"Content-Type: text/plain"),
        "empty": b"\1" + http(b"HTTP/1.0 204 No Content\r\n" + RPC_TYPE[:-2]),
        "too_long": b"\1" + RPC_OK + b"\r\nContent-Length: 4194305\r\n\r\n",
        "coding": b"\1" + http(RPC_OK, b"x", b"Content-Encoding: br"),
        "ssh": b"\0SSH-2.0-OpenSSH_9.2\r\n",
    },
    "fuzz_server": {
        "socks4": server(SOCKS, b"\4\1\0\x50\xc0\0\2\1joe\0early"),
        "socks4a": server(SOCKS, b"\4\1\0\x50\0\0\0\1joe\0example.org\0early"),
        "socks4_bind": server(SOCKS, b"\4\2\0\x50\xc0\0\2\1\0"),
        "socks5_ipv4": server(SOCKS, HELLO5 + b"\5\1\0\1" + V4 + b"early"),
        "socks5_ipv6": server(SOCKS, HELLO5 + b"\5\1\0\4" + bytes(15) + b"\1\0\x50"),
        "socks5_name": server(SOCKS, HELLO5 + b"\5\1\0\3\x0bexample.org\1\xbb"),
        "socks5_control_byte": server(SOCKS, HELLO5 + b"\5\1\0\3\3a\rb\1\xbb"),
        "socks5_credentials": server(
            SOCKS | AUTH, b"\5\2\0\2\1\3joe\6secret\5\1\0\1" + V4
        ),
        "socks5_empty_password": server(SOCKS, b"\5\1\2\1\3joe\0"),
        "socks5_no_method": server(SOCKS, b"\5\1\1"),
        "socks5_bind": server(SOCKS | BIND, HELLO5 + b"\5\2\0\1" + V4),
        "socks5_udp": server(SOCKS | UDP, HELLO5 + b"\5\3\0\1" + bytes(6)),
        "socks5_bad_type": server(SOCKS, HELLO5 + b"\5\1\0\2"),
        "http_connect": server(HTTP, CONNECT + b"\r\nearly"),
        "http_credentials": server(HTTP | AUTH, CONNECT + BASIC + b"\r\n"),
        "http_no_credentials": server(HTTP | AUTH, CONNECT + b"\r\n"),
        "http_get": server(HTTP, b"GET http://example.org/ HTTP/1.1\r\n\r\n"),
        "http_raw_target": server(HTTP | RAW, b"CONNECT foo HTTP/1.0\r\n\r\n"),
        "http_bare_lf": server(HTTP, b"CONNECT a:1 HTTP/1.1\n\n"),
        "mixed_tls": server(SOCKS | HTTP, b"\x16\3\1\2\0"),
        "mixed_connect": server(SOCKS | HTTP, CONNECT + b"\r\n"),
    },
    "fuzz_http_forward": {
        "get": forward(b"GET http://a:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        "connection": forward(b"GET http://a HTTP/1.1\r\nConnection: x, close\r\nX: y\r\n\r\n",
                              b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody"),
        "length": forward(b"POST http://[::1]:81/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET",
                          b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\nok\r\n"
                          b"0\r\nX: y\r\n\r\n"),
        "chunked": forward(b"POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\nGET", b"HTTP/1.1 204\r\n\r\n"),
        "old": forward(b"GET http://a/ HTTP/1.0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", 2),
        "old_chunked": forward(b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               b"2\r\nok\r\n0\r\n\r\n", 2),
        "head": forward(b"HEAD http://a/ HTTP/1.1\r\n\r\n",
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 1),
        "upgrade": forward(b"GET http://a/ HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                           b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nraw", 4),
        "options": forward(b"OPTIONS http://a HTTP/1.1\r\nMax-Forwards: 2\r\n\r\n", b""),
        "both": forward(b"POST http://a/ HTTP/1.1\r\nContent-Length: 3\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n",
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
    },
    "fuzz_upstream": {
        "http": upstream(0, RESPONSE + b"banner"),
        "http_credentials": upstream(0, RESPONSE, credentials=0xC0),
        "http_407": upstream(0, b"HTTP/1.1 407 Auth\r\n\r\n"),
        "http_interim": upstream(0, b"HTTP/1.1 100 Continue\r\n\r\n" + RESPONSE),
        "http_no_reason": upstream(0, b"HTTP/1.0 200\r\n\r\n"),
        "http_ssh": upstream(0, b"SSH-2.0-x\r\n"),
        "http_injection": upstream(0, RESPONSE, name=b"a\r\nX: b"),
        "http_delimiter": upstream(0, RESPONSE, name=b"a:22"),
        "socks4": upstream(1, b"\0\x5a" + bytes(6) + b"banner", name=b"192.0.2.1"),
        "socks4a": upstream(1, b"\0\x5a" + bytes(6), credentials=0x40),
        "socks4_rejected": upstream(1, b"\0\x5b" + bytes(6)),
        "socks5": upstream(2, b"\5\0\5\0\0\1" + bytes(6) + b"banner"),
        "socks5_ipv6": upstream(2, b"\5\0\5\0\0\4" + bytes(18), name=b"2001:db8::1"),
        "socks5_name": upstream(2, b"\5\0\5\0\0\3\3hop\0\1"),
        "socks5_credentials": upstream(
            2, b"\5\2\1\0\5\0\0\1" + bytes(6), credentials=0xC0
        ),
        "socks5_credentials_refused": upstream(2, b"\5\2\1\1", credentials=0xC0),
        "socks5_not_offered": upstream(2, b"\5\2"),
        "socks5_refused": upstream(2, b"\5\0\5\5"),
    },
    "fuzz_socks5_udp": {
        "ipv4": datagrams(b"\0\0\0\1" + V4 + b"payload"),
        "ipv6": datagrams(b"\0\0\0\4" + bytes(15) + b"\1\0\x50payload"),
        "name": datagrams(b"\0\0\0\3\x0bexample.org\0\x50payload"),
        "control_byte": datagrams(b"\0\0\0\3\3a\nb\0\x50"),
        "port_0": datagrams(b"\0\0\0\1\xc0\0\2\1\0\0"),
        "fragments": datagrams(*(b"\0\0" + f + b"\1" + V4 + b"x" for f in (b"\1", b"\2", b"\x83"))),
        "disorder": datagrams(*(b"\0\0" + f + b"\1" + V4 + b"x" for f in (b"\1", b"\3", b"\x81"))),
    },
    "fuzz_socks5_bind": {
        "bind": b"\0\7\5\0" + b"\5\0\0\1" + V4 + b"\5\0\0\4" + bytes(18) + b"banner",
        "associate": b"\1\7\5\0" + b"\5\0\0\3\3hop\0\1surplus",
        "refused": b"\0\7\5\0\5\7",
        "timeout": b"\0\7\5\0" + b"\5\0\0\1" + V4 + b"\5\6",
    },
    "fuzz_proxy_url": {
        "http": b"http://proxy",
        "socks4a": b"socks4a://joe@proxy:1/ignored",
        "socks5": b"SOCKS5://joe:p@ss:word@proxy:1080",
        "ipv6": b"socks5://[2001:db8::1]",
        "ipv6_port": b"socks5://[::1]:1080?x#y",
        "ipv6_bare": b"socks5://::1:1080",
        "scope": b"socks5://[fe80::1%251]",
        "escapes": b"http://a%2Cb:%3a%40@pr%6fxy",
        "empty_user": b"socks5://:pw@proxy:",
        "bad_escape": b"http://%zz@proxy",
        "bad_port": b"http://proxy:65536",
        "bad_scheme": b"socks5h://proxy",
        "list": b"http://a,,socks5://b:1,socks4a://c",
    },
    "fuzz_address": {
        "ipv4": b"192.0.2.1",
        "ipv4_port": b"192.0.2.1:80",
        "ipv6": b"2001:db8::1",
        "ipv6_port": b"[2001:db8::1]:443",
        "ipv6_bare": b"::1:1080",
        "mapped": b"::ffff:127.0.0.1",
        "scope": b"fe80::1%1",
        "scope_name": b"fe80::1%lo",
        "name": b"example.org:http",
        "brackets": b"[example.org]:+80",
        "empty": b":",
        "blank": b"name: 80",
    },
    "fuzz_http_head": {
        "request": b"\7GET / HTTP/1.1\r\nHost: a\r\n\r\nbody",
        "lenient": b"\7GET / HTTP/1.9 and more\r\n\r\n",
        "response": b"\7HTTP/1.1 200 OK\r\nA:\t b \r\na: c\r\n\r\n",
        "no_reason": b"\7HTTP/1.0 204\r\n\r\n",
        "no_colon": b"\7HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "folded": b"\7GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n",
        "bare_lf": b"\7GET / HTTP/1.1\nA: b\n\n",
        "bare_cr": b"\7GET / HTTP/1.1\rX",
        "nul": b"\7GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        "empty_line": b"\7\r\nGET / HTTP/1.1\r\n\r\n",
        "bytewise": b"\0GET / HTTP/1.1\r\nA: b\r\n\r\n",
        "endless": b"\7GET " + b"a" * 9000,
    },
    "fuzz_basic_auth": {
        "basic": b"Basic am9lOnNlY3JldA==",
        "lower": b"basic   am9lOg==",
        "no_padding": b"Basic am9lOnNlY3JldA",
        "no_colon": b"Basic am9l",
        "other": b"Bearer am9lOnNlY3JldA==",
        "base64": b"Zm9vYmE=",
        "unused_bits": b"Zh==",
        "bytes": bytes(range(256)),
    },
    "fuzz_marshal": {
        "values": b"return nil, true, false, 1, -5, 1e12 // 1 | 0, 1.5, -0.0, 'a\\n\\0\\r\"', ...",
        "integers": b"return 999999999999, 1000000000000, -1000000000000, 1 << 63, (1 << 63) + 1",
        "floats": b"return 1/0, -1/0, 0/0, 0x1p-1074, 0x1p1023, 0.1, {[1/0] = -0.0, [1.5] = 2.0}",
        "tables": b"local s = {1, 2, nil, 4, a = 'x', [0] = {}} return {s, s, [s] = s}",
        "deep": b"local t = {} for i = 2, 196 do t = {t} end return t",
        "too_deep": b"local t = {} for i = 2, 197 do t = {t} end return t",
        "cycle": b"local t = {} t.t = {t} return t",
        "shared": b"local t = {} for i = 1, 12 do t = {t, t} end return t",
        "function": b"return {function() end}",
        "loop": b"while true do end",
        "memory": b"local s = 'x' while true do s = s .. s end",
        "keys": b"local t = {} for i = 1, 50 do t[i * 0.5] = i t['k' .. i] = t end t = {} return t",
        "syntax": b"return {",
    },
    "fuzz_inflate": {
        "zlib": b"\0" + zlib.compress(b"hello hello hello"),
        "zlib_more": b"\0" + zlib.compress(b"x") + b"more",
        "gzip": b"\1" + gzip.compress(b"hello", mtime=0) + gzip.compress(b"", mtime=0),
        "gzip_name": b"\1" + b"\x1f\x8b\x08\x1f" + bytes(6) + b"\1\0xname\0comment\0\0\0",
        "raw": b"\2" + zlib.compress(b"hello")[2:-4],
        "stored": b"\2" + zlib.compress(b"stored", 0)[2:-4],
        "zlib_or_raw": b"\2" + zlib.compress(b"hello"),
        "checksum": b"\0" + zlib.compress(b"hello")[:-1] + b"\0",
        "truncated": b"\1" + gzip.compress(b"hello", mtime=0)[:-3],
        "bomb": b"\0" + zlib.compress(bytes(100000)),
    },
    "fuzz_list_file": {  # the kind of list, how it is cut, the file
        "domains": b"\0\0# list\r\nexample.org\n.example.net # x\n\nfull:a.test\ndomain:b.test",
        "hosts": b"\0\1127.0.0.1 localhost a.test\n::1%lo0\tb.test\n0.0.0.0 0.0.0.0\n",
        "mark": b"\0\2\xef\xbb\xbfexample.org.\nEXAMPLE.org\nx.example.org\n-example.org",
        "refused": b"\0\3a.test\nregexp:^ads\n",
        "wildcard": b"\0\3*.a.test\n",
        "long": b"\0\0" + b"a" * 256 + b"\n",
        "bytes": b"\0\0" + bytes(range(128, 256)).replace(b"\xff", b"") + b".test\n_a.test\n",
        "subnets": b"\1\0" + b"10.0.0.0/8\n10.1.0.0/16\n192.0.2.0/25\n192.0.2.128/25\n::1\n",
        "subnet_all": b"\1\1" + b"0.0.0.0/0\n255.255.255.255\n",
        "subnet_bits": b"\1\1" + b"10.0.0.1/8\n",
        "subnet_size": b"\1\1" + b"10.0.0.0/33\n",
        "subnets6": b"\2\0" + b"2001:db8::/32\n::ffff:0:0/96\n::1\nfe80::/10\n192.0.2.1\n",
        "subnet6_bits": b"\2\0" + b"2001:db8::1/64\n",
    },
    "fuzz_http_body": {  # framing and length, how it is cut, bytes
        "chunks": b"\2\0003;a=b\r\nabc\r\n0\r\nX: y\r\n\r\nrest",
        "length": b"\x15\1hello more",
        "until_close": b"\3\2hello",
        "none": b"\0\1hello",
        "bare_lf": b"\2\0013\nabc\n0\n\n",
        "huge": b"\2\1ffffffffffffffff\r\n",
    },
    "fuzz_rpc_message": {
        "short": b"\1\0return true,1",
        "compressed": b"\2\3" + b"return 1 " * 60,
        "gzip": b"\3\4" + bytes(range(256)) * 2,
    },
    "fuzz_access_log": {  # flags, texts with their lengths
        "plain": b"\7\x0fexample.org:443\3GET\2/x\3joe\1-\3a:1\3b:2\0\7one\ntwo",
        "forged": b"\1\x0fa:1 outcome=\"ok\\\0\0\5\n{\"a\"\2\xc3\xa9\0\0\0\0",
        "emoji": b"\2\1x\0\0\4\xf0\x9f\x90\x9f\2\xed\xa0\0\0\0\0",
    },
    "fuzz_ctl": {  # kind, how it is cut, bytes
        "answer": b"\0\3" + http(b"HTTP/1.1 200 OK", b"hello", b"Content-Type: text/plain"),
        "answer_gzip": b"\0\5" + http(b"HTTP/1.1 200 OK", gzip.compress(b"x" * 99, mtime=0),
                                      b"Content-Encoding: gzip"),
        "answer_chunked": b"\0\2" + http(b"HTTP/1.1 404 Not Found", b"1\r\nx\r\n0\r\n\r\n",
                                         b"Transfer-Encoding: chunked", length=False),
        "stats": b'\1\0{"uptime_seconds":1.5,"sessions":{"established":2,"halfopen":0},'
                 b'"traffic":{"up_bytes":10,"down_bytes":2e3},"workers":[{"engine":"uring"}]}',
        "sessions": b'\1\0{"matched":1,"sessions":[{"id":17,"client":"192.0.2.1:4",'
                    b'"target":"\\u0007e\\ud83d\\udc1f","state":"established","age":2.5,'
                    b'"up_bytes":1,"down_bytes":2,"chain":["socks5://a:1"],"user":null}]}',
        "deep": b"\1\0" + b"[" * 31 + b"]" * 31,
        "results": b'\2\0return true,1,"a\\065\\n",{1,["x"]={},},-0x1p-3',
        "failure": b'\2\0return false,"why"',
        "escapes": b"\2\0\x1b[2J\x07\xc3\xa9\xff\t\x9b",
    },
    "fuzz_options": {  # words, a line each
        "empty": b"",
        "usual": b"-l\n127.0.0.1:1080\n--max-sessions\n100\n-x\nsocks5://u:p@h:1,http://b\n-vv",
        "limits": b"--max-startups\n10:30:60\n-t\n5\n--drain\n1.5\n--bind-address\n192.0.2.1,::1",
        "near": b"--lissten\nx",
        "outbound": b"--block-outbound\nloopback,local\n--fwmark\n0x10\n-l\n:1\n-f\nunix:@a",
        "help": b"--help-as\nzsh",
        "ctl": b"sessions\nuser=anna\n--limit\n3\n--json",
        "ctl_invoke": b"invoke\n-e\nreturn 1\n--timeout\n5",
    },
    "fuzz_config": {
        "usual": b"return {listen = ':1', restapi = ':3', timeout = 7.5, max_sessions = 8}",
        "flags": b"return {pipe = false, block_local = true, transparent = true, loglevel = 6}",
        "wrong": b"return {timeout = '5', memlimit = 1 << 40, [1] = {}}",
        "texts": b"return {forward = '[::1]:80', proxy = 'http://a', user_name = '\\0\\n\"'}",
    },
    "fuzz_regex": {  # flags, init, length of the pattern, pattern, subject
        "name": b"\1\1\x0f^(www\\.)?a(b|c)$www.ac",
        "classes": b"\3\2\x0c[[:alpha:]]+.hello World",
        "lines": b"\5\1\2^x" + b"a\nx\nx",
        "basic": b"\0\xfe\x08\\(a\\)b*cxxabbc",
        "empty": b"\1\1\2x*abx",
        "bad": b"\1\1\2a(a",
    },
    "fuzz_geo_database": {  # kind, then changes as offset and octet
        "sound": b"\0",
        "sound4": b"\2",
        "node": b"\0\0\3\xff\0\4\xff",
        "data": b"\0\2\x60\x27",
        "short": b"\1\xab\xcd\xefMaxMind.com\xe0",
    },
    "fuzz_dns": {  # family, then for each question a length and the answer
        "address": b"\1" + DNS_ANSWER,
        "both": b"\0" + DNS_ANSWER + b"\0",
        "alias": b"\1\x16" + b"\x81\x80\0\1\0\2\0\0\0\0"
                 b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x10"
                 b"\xc0\x10\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
        "loop": b"\1\x0c\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\5\0\1\0\0\0\0\0\2\xc0\x28",
        "many": b"\1\xaa\x81\x80\0\1\0\x14\0\0\0\0"
                + b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2" + bytes([i])
                           for i in range(20)),
        "refused": b"\0\4\x81\x85\0\1",
        "truncated": b"\1\6\x83\x80\0\1\0\0\0\0\0\0",
        "noise": b"\1\7" + bytes(range(14)),
    },
    "fuzz_queries": {
        "filter": b"client=192.0.2.0/24&state=established&min_age=1.5&target=.example.org&limit=9",
        "unknown": b"%0a=1",
        "explain": b"addr=a:443&user=joe&password=x&protocol=http&command=connect&client=1.2.3.4:5",
        "subnet": b"2001:db8::/32",
        "subnets": b"10.0.0.0/8,::1",
        "unix": b"unix:/run/proxy.sock",
        "abstract": b"unix:@name",
        "tokens": b"# who\nread look\nadmin act\nbare",
    },
}

for target, seeds in CORPORA.items():
    folder = HERE / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in seeds.items():
        (folder / name).write_bytes(seed)
