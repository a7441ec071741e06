"""How the release is built: what its ELF file says (readelf), so that no flag gets lost on the way.

Collected for builds that are released only: a sanitizer's build is made to be debugged.
"""

import functools
import os
import re
import subprocess

from support.process import program
from support.proxy import ROOT, binary

X86 = os.uname().machine == "x86_64"


@functools.cache
def readelf(*options):
    return subprocess.run([program("readelf", "binutils"), "--wide", *options, binary()],
                          capture_output=True, text=True, check=True).stdout


def segments():
    """(type, flags) of each program header, such as ("LOAD", "R E")."""
    return re.findall(r"^\s+(\w+)\s+(?:0x[0-9a-f]+\s+){5}([R ][W ][E ])\s", readelf("--segments"),
                      re.MULTILINE)


def dynamic():
    """Tag -> value; each occurs once in what we look at."""
    return dict(re.findall(r"^ 0x[0-9a-f]+ \((\w+)\)\s+(.*)$", readelf("--dynamic"), re.MULTILINE))


@functools.cache
def imported():
    return set(re.findall(r" UND (\w+)", readelf("--dyn-syms")))


def test_it_is_loaded_anywhere():
    """PIE."""
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable file\)",
                     readelf("--file-header"))
    assert "PIE" in dynamic()["FLAGS_1"]


def test_its_tables_are_read_only_before_it_runs():
    """Full RELRO: all symbols are bound at the start, and their table is read-only after."""
    assert any(kind == "GNU_RELRO" for kind, _ in segments())
    assert "NOW" in dynamic()["FLAGS_1"] and "BIND_NOW" in dynamic()["FLAGS"]
    assert "TEXTREL" not in dynamic()


def test_nothing_is_writable_and_executable():
    loaded = [flags for kind, flags in segments() if kind == "LOAD"]
    assert len(loaded) >= 3
    assert not [flags for flags in loaded if "W" in flags and "E" in flags]
    (stack,) = [flags for kind, flags in segments() if kind == "GNU_STACK"]
    assert stack == "RW "


def test_libraries_are_the_systems():
    """No directory of the machine that built it, and none that somebody else may write to."""
    assert not {"RPATH", "RUNPATH"} & set(dynamic())


def test_stack_and_buffers_are_guarded():
    assert "__stack_chk_fail" in imported()
    fortified = {name for name in imported() if re.fullmatch(r"__\w+_chk", name)}
    assert fortified, "no call is fortified"


def test_returns_and_jumps_are_checked_by_the_processor():
    """Shadow stack: the note that turns it on. Branch targets: our functions are marked as such;
    the note for those would be a promise for Lua's objects and libc's start files, too, which
    Debian compiles without."""
    if X86:
        notes = readelf("--notes")
        assert re.search(r"Properties: x86 feature: .*SHSTK", notes), notes
        assert binary().read_bytes().count(b"\xf3\x0f\x1e\xfa") > 1000, "endbr64"


def test_it_does_not_say_where_it_was_built():
    assert str(ROOT / "src").encode() not in binary().read_bytes()
