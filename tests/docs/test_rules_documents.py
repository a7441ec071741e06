"""docs/ruleset.md and docs/lua-api.md: every Lua block runs, every session shows what really comes.

A `lua` block that begins with `-- NAME.lua` is that file, and must load. Any other is run in a
routine of a server that has libruleset. A `text` block with `$ neosocksd --check ...` lines is a
session: the lines behind a command are its output.
"""

import re
import shlex
import subprocess

import pytest

from support.proxy import ROOT, Proxy, binary

DOCUMENTS = ["ruleset.md", "lua-api.md"]
FENCE = re.compile(r"^```(lua|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"-- (\w+\.lua)\n")


def blocks(document, language):
    """(line, text) of each."""
    text = (ROOT / "docs" / document).read_text()
    for match in FENCE.finditer(text):
        if match.group(1) == language:
            yield text.count("\n", 0, match.start()) + 1, match.group(2)


FILES = [(document, line, match.group(1), text) for document in DOCUMENTS
         for line, text in blocks(document, "lua") if (match := FILE.match(text))]
SNIPPETS = [(document, line, text) for document in DOCUMENTS
            for line, text in blocks(document, "lua") if not FILE.match(text)]


def sessions(document):
    """(line, command, output) of each command that a test can run."""
    for start, text in blocks(document, "text"):
        for match in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            if match.group(1).startswith("neosocksd --check"):
                line = start + 1 + text.count("\n", 0, match.start())
                yield line, match.group(1), match.group(2)


SESSIONS = [(document, *session) for document in DOCUMENTS for session in sessions(document)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Every file of the documents, and the library."""
    path = tmp_path_factory.mktemp("rules")
    for _, _, name, text in FILES:
        (path / name).write_text(text)
    for library in (ROOT / "lua").iterdir():
        (path / library.name).symlink_to(library)
    return path


def run(directory, *args):
    return subprocess.run([binary(), *args], cwd=directory, capture_output=True, text=True,
                          timeout=60, check=False)


@pytest.mark.parametrize("document, line, name, text", FILES,
                         ids=[f"{document}:{line}" for document, line, *_ in FILES])
def test_file_loads(directory, document, line, name, text):
    option = "-c" if "listen =" in text else "-r"
    done = run(directory, "--check", option, name)
    assert done.returncode == 0, f"docs/{document}:{line}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("document, line, command, output", SESSIONS,
                         ids=[f"{document}:{line}" for document, line, *_ in SESSIONS])
def test_session(directory, document, line, command, output):
    done = run(directory, *shlex.split(command)[1:])
    assert done.stdout == output, f"docs/{document}:{line}"
    assert done.returncode == (1 if "verdict: reject" in output else 0)


RUN_SNIPPET = """
_G.libruleset = require("libruleset")
neosocksd.async(function(ok, problem)
    print(ok and "SNIPPET runs" or "SNIPPET fails: " .. tostring(problem))
end, function()
    await.sleep(0)
    local file = assert(io.open("snippet.txt"))
    local text = file:read("a")
    file:close()
    assert(load(text, "=line"))()
end)
return libruleset
"""


@pytest.mark.parametrize("document, line, text", SNIPPETS,
                         ids=[f"{document}:{line}" for document, line, _ in SNIPPETS])
def test_snippet_runs(io, tmp_path, document, line, text):
    for library in (ROOT / "lua").iterdir():
        (tmp_path / library.name).symlink_to(library)
    (tmp_path / "snippet.txt").write_text("\n" * line + text)
    (tmp_path / "snippet.lua").write_text(RUN_SNIPPET)
    with Proxy("-r", "snippet.lua", io=io, cwd=tmp_path) as proxy:
        assert proxy.wait_log(r"SNIPPET (.*)").group(1) == "runs", f"docs/{document}"


def test_documents_have_blocks():
    assert len(FILES) > 5 and len(SESSIONS) > 5
