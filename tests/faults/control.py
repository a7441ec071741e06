"""The file that the walk and the program share: see fault_plan.h for its layout."""

import dataclasses
import mmap
import os
import pathlib
import struct
import subprocess

from support.process import program
from support.proxy import binary

from .plausible import FAULTS, Fault

MAGIC = 0x31544C5541465346
NAMES, CHOICES, SITES = 60, 4156, 12352
CALLS, SITE_COUNT, CHOICE_COUNT = 128, 4096, 8
SITE = struct.Struct("=QII6Q")
FIRED = struct.Struct("=QII")
LOG, LOG_COUNT = SITES + SITE_COUNT * SITE.size, 256
CALL_NAMES = list(FAULTS)


@dataclasses.dataclass(frozen=True)
class Site:
    key: int
    call: str
    passages: int
    frames: tuple


class Control:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        with open(self.path, "wb+") as file:
            file.truncate(LOG + LOG_COUNT * FIRED.size)
            self.map = mmap.mmap(file.fileno(), 0)
        self._put("=Q", 0, MAGIC)
        for number, name in enumerate(CALL_NAMES):
            struct.pack_into("31s", self.map, NAMES + 32 * number, name.encode())

    def env(self):
        return os.environ | {"NEOSOCKSD_FAULTS": str(self.path)}

    def _put(self, form, offset, *values):
        struct.pack_into(form, self.map, offset, *values)

    def _get(self, form, offset):
        return struct.unpack_from(form, self.map, offset)[0]

    def arm(self, site, fault, nth=0, times=1):
        """The nth passage (from zero) fails, and so on for that many."""
        self.disarm()
        self._put("=I", 12, 0)
        self._put("=QIIIII", 16, site.key, 0, nth, times, fault.kind, fault.error)
        self._put("=I", 8, 1)

    def disarm(self):
        self._put("=I", 8, 0)

    def fired(self):
        return self._get("=I", 12)

    def storm(self, seed, permille, harmless_only):
        """Every call fails by chance."""
        for number, name in enumerate(CALL_NAMES):
            faults = [f for f in FAULTS[name] if f.harmless or not harmless_only][:CHOICE_COUNT]
            if name == "realloc" or harmless_only and name == "sendmsg":  # see TRIED_ONCE
                faults = []
            for index in range(CHOICE_COUNT):
                fault = faults[index] if index < len(faults) else None
                self._put("=II", CHOICES + (number * CHOICE_COUNT + index) * 8,
                          *((fault.kind, fault.error) if fault else (0, 0)))
        self._put("=I", 12, 0)
        self._put("=IQ", 44, 0, seed)
        self._put("=I", 44, permille)

    def calm(self):
        self._put("=I", 44, 0)

    def sites(self):
        """All that have been passed at least once since forget()."""
        assert self._get("=I", 56) == 0, "more sites than the table holds"
        found = []
        for index in range(SITE_COUNT):
            key, passages, call, *frames = SITE.unpack_from(self.map, SITES + index * SITE.size)
            if key and passages:
                found.append(Site(key, CALL_NAMES[call], passages, tuple(f for f in frames if f)))
        return sorted(found, key=lambda site: (site.call, site.frames, site.key))

    def log(self):
        """What has failed since a storm began, the last of it: call, fault and place."""
        named = {site.key: site for site in self.sites()}
        last = self.fired()
        lines = []
        for number in range(max(0, last - LOG_COUNT), last):
            key, kind, error = FIRED.unpack_from(self.map, LOG + number % LOG_COUNT * FIRED.size)
            site = named[key]
            lines.append(f"{site.call} {Fault(kind, error)}: {where(site)}")
        return lines

    def forget(self):
        for index in range(SITE_COUNT):
            offset = SITES + index * SITE.size
            if self._get("=Q", offset):
                self._put("=I", offset + 8, 0)


def where(site):
    """Function and line of its callers, innermost first, for a report."""
    tool = program("llvm-symbolizer-19", "llvm-19")
    options = ["--functions=short", "--no-inlines", "--basenames", "--output-style=GNU"]
    text = subprocess.run([tool, f"--obj={binary()}", *options, *map(hex, site.frames)],
                          capture_output=True, text=True, check=True).stdout.splitlines()
    return " < ".join(f"{function[:60]} {line}" for function, line in zip(text[::2], text[1::2]))
