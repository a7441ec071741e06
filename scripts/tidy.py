#!/usr/bin/python3
"""Checks our own rules, those that no compiler knows; CONTRIBUTING.md gives their reasons.

    scripts/tidy.py            every file that git knows or would add

Layers, banned words with their replacement, file heads, line lengths, links in the documents.
A place that breaks a ban with good reason says so, on the line or the one above:

    // tidy: allow(new) the frame owns it until resume() returns

Findings are printed as FILE:LINE: text; the exit status is 1 if there are any.
"""

import dataclasses
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLUMNS = 100
LONG_FILE = 450  # a file longer than this may hold a second idea: a warning, no finding

# Whom a layer of src/ may include: itself and what lies below.
LAYERS = {
    "base": {"base"},
    "proto": {"proto", "base"},
    "io": {"io", "base"},
    "net": {"net", "io", "proto", "base"},
    "ruleset": {"ruleset", "io", "proto", "base"},
    "proxy": {"proxy", "ruleset", "net", "io", "proto", "base"},
    "api": {"api", "proxy", "ruleset", "net", "io", "proto", "base"},
    "ctl": {"ctl", "api", "proto", "base"},
    "app": {"app", "ctl", "api", "proxy", "ruleset", "net", "io", "proto", "base"},
}


@dataclasses.dataclass
class Ban:
    name: str
    pattern: str  # searched in code with comments and literals blanked
    instead: str
    only: str = ""  # regex on the path
    unless: str = ""  # regex that makes it right, on the line or the next two


# A call of the C function, not of a member or of somebody's own function of that name.
CALL = r"(?:(?<![\w>])::|(?:[=(!]|\breturn)\s*)"
# What is shipped; a test may leak a descriptor into nothing.
SHIPPED = r"^src/.*(?<!_test)(?<!_fixture)\.(cc|h)$"

BANS = [
    Ban("detach", r"\bdetach\s*\(\s*\)|\bdetached\b", "spawn into a TaskGroup that has stop()"),
    Ban("capture-all", r"\[=", "name what the lambda captures"),
    Ban("catch-all", r"\bcatch\s*\(\s*\.\.\.", "catch const std::exception&"),
    Ban("new", r"(?<!operator )\bnew\b\s*[\w:(]", "std::make_unique or a container"),
    Ban("delete", r"(?<!operator )(?<!= )\bdelete\b\s*(\[\s*\]\s*)?[\w:*(]",
        "std::unique_ptr or a container"),
    Ban("endl", r"\bstd::endl\b", "'\\n'"),
    Ban("sleep", r"\bsleep_for\b|\bsleep_until\b", "wait for the event itself, with a deadline",
        only=r"_test\.cc$|^tests/"),
    Ban("usleep", r"\b(usleep|nanosleep)\s*\(", "io::sleep, or wait for the event itself",
        only=r"^(src|tests)/"),
    Ban("accept", CALL + r"accept\s*\(", "accept4 with SOCK_CLOEXEC | SOCK_NONBLOCK",
        only=SHIPPED),
    Ban("socket", CALL + r"socket\s*\(", "SOCK_CLOEXEC in the type", only=SHIPPED,
        unless=r"SOCK_CLOEXEC"),
    Ban("socketpair", CALL + r"socketpair\s*\(", "SOCK_CLOEXEC in the type", only=SHIPPED,
        unless=r"SOCK_CLOEXEC"),
    Ban("open", CALL + r"open\s*\(", "O_CLOEXEC in the flags", only=SHIPPED,
        unless=r"O_CLOEXEC"),
    Ban("pipe", CALL + r"pipe\s*\(", "pipe2 with O_CLOEXEC",
        only=SHIPPED),
    Ban("dup", CALL + r"dup2?\s*\(", "fcntl with F_DUPFD_CLOEXEC, or dup3",
        only=SHIPPED),
    Ban("epoll_create", r"\bepoll_create\s*\(", "epoll_create1 with EPOLL_CLOEXEC",
        only=SHIPPED),
    Ban("string-format", r"\b(v?sprintf|strcpy|strcat|strtok|gets)\s*\(", "fmt, std::string"),
    Ban("atoi", r"\b(atoi|atol|atoll|atof)\s*\(", "std::from_chars, which tells failure",
        only=r"^src/"),
    Ban("static-buffer", r"\b(localtime|gmtime|inet_ntoa|gethostbyname)\s*\(",
        "the variant that writes into your buffer"),
    Ban("std-format", r"#\s*include\s*<(format|print)>", "fmt: the library of Debian 12 has none"),
    Ban("using-std", r"\busing\s+namespace\s+std\s*;", "name what you use"),
]

# In every text, comments included.
WORDS = [
    (r"\bTODO(?!\((security|perf|cleanup|port)\): \S)",
     "TODO(security|perf|cleanup|port): what, or better: do it"),
    (r"\b(FIXME|XXX|HACK|WIP)\b", "finish it, or a TODO with its kind"),
    (r"(?i)(?<!501, \")\bnot implemented( yet)?\b", "implement it, or leave it out"),
    (r"(?i)\b(recieve|occured|seperate|succesful|sucess|adress|lenght|wich|untill|existant|"
     r"dependan|arguement|recomend|retreive|transfered)", "mind the spelling"),
    (r"(?i)\b(white|black)-?list", "allow list, block list"),
    (r"(?<![\w.:/$}-])/(home|Users|work|mnt|media)/\w", "a path of somebody's machine"),
]
# Hosts that documents and code may name: those made for examples, and references.
HOSTS = re.compile(
    r"(^|\.)(example|invalid|test|internal|localhost)$|(^|\.)example\.(com|org|net)$"
    r"|^(\d+\.){3}\d+$|^\[|^(www\.)?rfc-editor\.org$|^datatracker\.ietf\.org$|(^|\.)kernel\.org$"
    r"|^man7\.org$|^keepachangelog\.com$|^semver\.org$|^llvm\.org$|^github\.com$|^www\.w3\.org$")
URL_HOST = re.compile(r"\b(?:https?|ftp)://(?:[^\s/@\"'`]*@)?(\[[^\]]*\]|[\w.-]+)")

CPP = re.compile(r"\.(h|cc)$")
LEXEME = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'", re.S)
ALLOW = re.compile(r"tidy: allow\(([\w-]+)\)\s*\S")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")

findings = []
warnings = []


def found(path, line, text):
    findings.append(f"{path}:{line}: {text}")


def files():
    """Every file of the project, git's own idea of it; ignored ones are nobody's."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


def blank(text):
    """The code alone: comments and literals become blanks, lines stay where they are."""
    return LEXEME.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def check_includes(path, text):
    layer = path.split("/")[1] if path.startswith("src/") else None
    own = path.removeprefix("src/").replace(".cc", ".h")
    includes = [(match.group(1), text.count("\n", 0, match.start(1)) + 1)
                for match in INCLUDE.finditer(text)]
    for name, line in includes:
        target = name.split("/")[0]
        if not layer:
            continue
        if layer not in LAYERS:
            found(path, line, f"{layer}/ is no layer we know; see LAYERS in scripts/tidy.py")
        elif target not in LAYERS and target != "tests":
            found(path, line, f'"{name}": includes are relative to src/, such as "base/result.h"')
        elif target == "tests" and not path.endswith("_test.cc"):
            found(path, line, f'"{name}": only tests include helpers of tests')
        elif target in LAYERS and target not in LAYERS[layer]:
            found(path, line, f'{layer} must not include "{name}": it lies above; '
                              "pass an interface in")
        elif target in LAYERS and not (ROOT / "src" / name).is_file():
            found(path, line, f'"{name}" does not exist')
    # Our own header first proves that it needs no other before it.
    if layer and path.endswith(".cc") and (ROOT / "src" / own).is_file():
        first = re.search(r'^\s*#\s*include\s*[<"]([^">]+)', text, re.M)
        if not first or first.group(1) != own:
            found(path, 1, f'"{own}" must be the first include')


def check_bans(path, text, lines):
    code = blank(text)
    code_lines = code.split("\n")
    for ban in BANS:
        if ban.only and not re.search(ban.only, path):
            continue
        for match in re.finditer(ban.pattern, code):
            number = code.count("\n", 0, match.start()) + 1
            if ban.unless and re.search(ban.unless, "\n".join(code_lines[number - 1:number + 2])):
                continue
            near = lines[max(0, number - 2):number]
            if any((allow := ALLOW.search(line)) and allow.group(1) == ban.name for line in near):
                continue
            found(path, number, f"[{ban.name}] {lines[number - 1].strip()[:50]}... "
                                f"-- instead: {ban.instead}")


def check_head(path, lines):
    first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
    opening = {".h": "//", ".cc": "//", ".py": ('"""', "#"), ".sh": "#", ".cmake": "#"}
    wanted = opening.get(pathlib.Path(path).suffix)
    # A unit test's name says what it is about, and the header beside it says the rest.
    if path.endswith("_test.cc") and (ROOT / path.replace("_test.cc", ".h")).is_file():
        return
    if wanted is None and lines[0].startswith("#!"):
        wanted = ('"""', "#")
    if wanted and not first.startswith(wanted) and not path.endswith("__init__.py"):
        found(path, 1, "a file opens with a few lines of comment: what it does, and why")


def check_words(path, lines):
    if path == "scripts/tidy.py":
        return
    for number, line in enumerate(lines, 1):
        for pattern, instead in WORDS:
            if match := re.search(pattern, line):
                found(path, number, f"{match.group()!r} -- {instead}")
        for host in URL_HOST.findall(line):
            if "." in host and not HOSTS.search(host.lower().rstrip(".")):
                found(path, number, f"{host}: use an example host (RFC 2606), or add it to HOSTS")


def check_lines(path, lines):
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and not re.search(r"https?://\S{60}", line):
            found(path, number, f"{len(line)} columns, {COLUMNS} at most")
        if line.rstrip() != line:
            found(path, number, "blanks at the end of the line")
    if CPP.search(path) and len(lines) > LONG_FILE:
        warnings.append(f"{path}: {len(lines)} lines: does a second idea live here?")


def anchors(text):
    """What GitHub makes of the headings of a document."""
    names = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, re.M):
        name = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        names.add(name)
    return names


def check_links(path, text):
    prose = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", " ", m.group()), text,
                   flags=re.S | re.M)
    prose = re.sub(r"`[^`\n]*`", lambda m: " " * len(m.group()), prose)
    for match in LINK.finditer(prose):
        link = match.group(1)
        if re.match(r"[a-z+]+:", link):
            continue
        line = prose.count("\n", 0, match.start()) + 1
        name, _, anchor = link.partition("#")
        target = (ROOT / path).parent / name if name else ROOT / path
        if not target.exists():
            found(path, line, f"link to {link}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            found(path, line, f"link to {link}: no such heading")


def check(path):
    raw = (ROOT / path).read_bytes()
    if b"\0" in raw or path.startswith("fuzz/corpus/"):
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return
    if not text:
        return
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    check_words(path, lines)
    suffix = pathlib.Path(path).suffix
    if suffix == ".md":
        check_links(path, text)
        return
    if suffix in {".h", ".cc", ".py", ".sh", ".cmake", ".lua"} or text.startswith("#!"):
        check_head(path, lines)
        check_lines(path, lines)
    if CPP.search(path):
        check_includes(path, text)
        check_bans(path, text, lines)
        if suffix == ".h" and "\n#pragma once\n" not in text:
            found(path, 1, "#pragma once is missing")


def main():
    names = files()
    for name in names:
        check(name)
    for line in warnings:
        print(f"warning: {line}")
    for line in findings:
        print(line)
    if findings:
        print(f"tidy: {len(findings)} findings")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
