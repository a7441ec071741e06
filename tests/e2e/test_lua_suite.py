"""The conformance suite of tests/lua, run by the program itself: a row of the tables of the Lua
engine and of libruleset each."""

import os

import pytest

from support import net
from support.proxy import ROOT, Proxy

DIRECTORY = ROOT / "tests" / "lua"
DEADLINE_S = 60 * net.SCALE


def names():
    return sorted(path.stem for kind in ("vm", "lib") for path in DIRECTORY.glob(f"{kind}_*.lua"))


@pytest.mark.parametrize("arguments", [(), ("--threads", "1")], ids=["threads", "one-thread"])
def test_suite_passes(io, arguments):
    wanted = names()
    environment = dict(os.environ, NEOSOCKSD_LUA_TESTS=" ".join(wanted), LUA_PATH="/nonexistent/?",
                       NEOSOCKSD_LUA_DEADLINE=str(DEADLINE_S), NEOSOCKSD_LUA_TIMEOUT="17.5")
    with Proxy("-r", DIRECTORY / "run.lua", "-t", "17.5", *arguments, io=io, loglevel=4,
               env=environment) as proxy:
        result = proxy.wait_log(r"RESULT passed=(\d+) failed=(\d+)", deadline=DEADLINE_S + 10)
        failures = [text for _, text in proxy.lines if text.startswith("FAILED")]
        assert not failures, "\n".join(failures)
        assert int(result.group(1)) > 3 * len(wanted)
        assert result.group(2) == "0"


def test_run_knows_every_file():
    listed = (DIRECTORY / "run.lua").read_text()
    missing = [name for name in names() if f'"{name}"' not in listed]
    assert not missing, f"tests/lua/run.lua does not name {missing}"
