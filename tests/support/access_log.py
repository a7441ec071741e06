"""Reads the access log as its users do."""

import datetime
import json
import re

from support import net

FIELDS = ["duration", "setup", "client", "user", "listener", "protocol", "command", "target",
          "route", "address", "chain", "outcome", "end", "up", "down"]
NUMBERS = {"duration", "setup", "up", "down", "status", "datagrams_up", "datagrams_down",
           "datagrams_dropped"}


def parse_text(line):
    """A line of the text format as the object that the JSON format has."""
    assert line.isascii() and line.isprintable(), line
    time, *fields = line.split(" ")
    record = {"time": time}
    for field in fields:
        name, _, value = field.partition("=")
        if name in NUMBERS:
            record[name] = None if value == "-" else float(value)
        elif value == "-":
            record[name] = None
        elif name == "chain":
            record[name] = value.split(",")
        else:
            raw = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), value.encode())
            record[name] = raw.decode("utf-8", "replace")
    return record


def parse(line):
    record = json.loads(line) if line.startswith("{") else parse_text(line)
    names = list(record)
    assert names[:16] == ["time", *FIELDS], names
    assert datetime.datetime.fromisoformat(record["time"]).utcoffset() is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", record["time"])
    return record


class AccessLog:
    """--access-log FILE; args() are the options."""

    def __init__(self, path, form="text"):
        self.path = path
        self._form = form

    def args(self):
        return "--access-log", self.path, "--access-log-format", self._form

    def text(self):
        text = self.path.read_text(encoding="ascii") if self.path.exists() else ""
        assert text == "" or text.endswith("\n")
        return text

    def records(self, count):
        """All of them, once there are so many."""
        lines = net.wait_for(
            lambda: (found := self.text().splitlines()) and len(found) >= count and found,
            lambda: f"{count} lines:\n{self.text()}")
        assert len(lines) == count, "\n".join(lines)
        return [parse(line) for line in lines]

    def one(self):
        return self.records(1)[0]
