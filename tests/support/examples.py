"""Finds the commands in the sh blocks of the documentation and fits them to the test's world.

Runnable are lines that begin with `curl`, `neosocksd` or a path to it (after an optional `$ `). In
a neosocksd line every listen address becomes a free port of 127.0.0.1, every upstream proxy a
local hop of the same scheme, every other host a local server. In a curl line the proxy becomes
the program just started, and the URL a local web server, or the API of that program.
"""

import pathlib
import re
import shlex
from typing import NamedTuple

from support import net

FENCE = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HOP = re.compile(r"(socks5|socks4a|http)://(?:[^@,/]*@)?[^,/]+")


class Block(NamedTuple):
    name: str
    commands: list  # of word lists


def program_of(words):
    name = pathlib.PurePath(words[0]).name if words else ""
    return name if name in ("curl", "neosocksd") else None


def commands(text):
    """The runnable commands of one block."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip().removeprefix("$ ")
        if line.startswith("#"):
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if program_of(words):
            for stop in ("|", ">", ">>", "&", "&&", ";", "2>"):
                if stop in words:
                    words = words[:words.index(stop)]
            found.append(words)
    return found


def blocks(root):
    """Every block with something runnable, of README.md and docs/."""
    files = [path for path in (root / "README.md", *sorted(root.glob("docs/**/*.md")))
             if path.exists()]
    for path in files:
        text = path.read_text()
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if found := commands(match.group(1)):
                yield Block(f"{path.relative_to(root)}:{line}", found)


VALUES = {"-l", "--listen", "-f", "--forward", "-x", "--proxy", "--nameserver", "-t", "--timeout",
          "--io", "--threads", "--log", "--loglevel", "-m", "--max-sessions", "--max-startups",
          "--drain", "--block-outbound", "--api", "--api-host", "-i", "--netdev", "-u", "--user",
          "--access-log", "--access-log-format"}
# Options that bind the program to a machine or hide it from the test.
DROPPED = {"-i", "--netdev", "-u", "--user", "--io", "--log", "--loglevel"}


def local_arguments(words, hop_url, forward, nameserver):
    """The arguments of a neosocksd line; hop_url(scheme) makes a local hop."""
    result = []
    rest = list(words[1:])
    while rest:
        option = rest.pop(0)
        value = None
        if option in VALUES:
            value = rest.pop(0)
        elif option == "--http" and rest and not rest[0].startswith("-"):
            value = "127.0.0.2:0"
            rest.pop(0)
        if option in DROPPED:
            continue
        if option in ("-l", "--listen"):
            value = "127.0.0.1:0"
        elif option == "--api":
            value = "127.0.0.1:0"
        elif option in ("-x", "--proxy"):
            value = HOP.sub(lambda match: hop_url(match.group(1)), value)
        elif option in ("-f", "--forward"):
            value = forward
        elif option == "--nameserver":
            value = nameserver
        elif option == "--access-log":
            value = "/dev/null"  # docs/test_access_log.py tries it in earnest
        result += [option] if value is None else [option, value]
    return result


# Where examples have the API.
API = "http://127.0.0.1:9080/"


def local_curl(words, proxy_address, web, tls_web, api=None):
    """A curl line that uses the running proxy, its API and the local web servers."""
    result, proxy_next = [], False
    for word in words[1:]:
        if proxy_next:
            scheme = word.partition("://")[0] + "://" if "://" in word else ""
            user = word.rpartition("@")[0].rpartition("/")[2]
            word = scheme + (user + "@" if user else "") + "{}:{}".format(*proxy_address)
        elif word.startswith(API):
            assert api, "no API is running"
            word = "http://{}:{}/".format(*api) + word.removeprefix(API)
        elif re.match(r"https?://", word) or re.fullmatch(r"[\w-]+(\.[\w-]+)+(/\S*)?", word):
            word = (tls_web if word.startswith("https") else web).url + "/"
        proxy_next = word in ("-x", "--proxy", "--socks4", "--socks4a", "--socks5",
                              "--socks5-hostname", "--preproxy")
        result.append(word)
    return ["curl", "-k", "-sS", "--max-time", str(3 * net.DEADLINE), *result]
