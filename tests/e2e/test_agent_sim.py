"""The agent in a simulated network (tests/lua/agent_sim.lua): one test for each case.

Nothing of the program runs here, only the shipped Lua, in virtual time: days of rounds, lost
connections and peers of other generations take milliseconds.
"""

import os
import subprocess

import pytest

from support.net import DEADLINE
from support.process import program
from support.proxy import ROOT

SIMULATOR = str(ROOT / "tests" / "lua" / "agent_sim.lua")


def run(*args):
    lua = program("lua5.4", "lua5.4")
    return subprocess.run([lua, SIMULATOR, *args], capture_output=True, text=True,
                          timeout=3 * DEADLINE, env={**os.environ})


def cases():
    try:
        return run("--list").stdout.split()
    except AssertionError:
        return ["lua5.4-is-not-installed"]  # run() says so in the test


def test_there_are_cases():
    listed = run("--list")
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.split()) > 30


@pytest.mark.parametrize("case", cases())
def test_agent(case):
    result = run(case)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("seed", [2, 3, 5, 8])
def test_agent_with_other_random_numbers(seed, monkeypatch):
    monkeypatch.setenv("AGENT_SIM_SEED", str(seed))
    result = run()
    assert result.returncode == 0, result.stdout + result.stderr
