"""docs/threat-model.md: each promise names tests, and each test that it names exists."""

import re

import pytest

from support.proxy import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/.]+\.\w+)::(\w+)`", TEXT)))


@pytest.mark.parametrize("file,name", NAMED, ids=lambda word: word.rsplit("/", 1)[-1])
def test_a_test_that_is_named_exists(file, name):
    text = (ROOT / file).read_text()
    form = rf"^def {name}\(" if file.endswith(".py") else rf"^TEST(_[FP])?\(\w+,\s*{name}\)"
    assert re.search(form, text, re.MULTILINE), f"{file} has no {name}"


def test_every_promise_names_a_test():
    promises = TEXT.split("## What we promise")[1].split("## What we do not promise")[0]
    found = re.findall(r"^\* .*$", promises, re.MULTILINE)
    assert len(found) > 20
    assert [promise for promise in found if "::" not in promise] == []
