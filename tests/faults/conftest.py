"""How much of the walk is made: a seeded sample, or with NEOSOCKSD_FAULTS_ALL=1 all of it.

Only a fault build can be walked: NEOSOCKSD must name one, as scripts/faults does. In a run of all
of tests/ with another program there is nothing here.
"""

import os

import pytest

from .scenarios import SCENARIOS
from .walk import Walk
from .world import World

ALL = bool(os.environ.get("NEOSOCKSD_FAULTS_ALL"))

if "faulty" not in os.environ.get("NEOSOCKSD", ""):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    """One world for each engine, for all tests of the module."""
    found = {}

    def get(engine):
        if engine not in found:
            world = World(tmp_path_factory.mktemp(f"faults-{engine}"), engine)
            world.__enter__()
            found[engine] = Walk(world)
        return found[engine]

    yield get
    for engine, walk in found.items():
        walk.world.__exit__(None, None, None)
        if path := os.environ.get("NEOSOCKSD_FAULTS_FIGURES"):
            with open(path, "a") as file:
                file.write(f"{engine}: {walk.site_count()} call sites, {walk.count} faults in "
                           f"{len(SCENARIOS)} scenarios, {walk.felt} felt by the session that was "
                           f"hit, {walk.missed} not reached\n")


@pytest.fixture
def sample(rng):
    """Of these cases, those that this run makes."""
    def choose(cases, count):
        cases = list(cases)
        return cases if ALL or len(cases) <= count else rng.sample(cases, count)
    return choose
