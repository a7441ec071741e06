"""The documents that the program makes of its option table, read by the programs they are for."""

import re
import subprocess

from support.process import program
from support.proxy import ROOT, binary


def document(form):
    return subprocess.run([binary(), "--help-as", form], capture_output=True, text=True,
                          check=True).stdout


def test_options_page_is_up_to_date():
    """After a change: build/neosocksd --help-as markdown > docs/options.md"""
    assert (ROOT / "docs" / "options.md").read_text() == document("markdown")


def test_man_page_has_no_mistakes(tmp_path):
    page = tmp_path / "neosocksd.1"
    page.write_text(document("man"))
    lint = subprocess.run([program("mandoc", "mandoc"), "-T", "lint", "-W", "warning", page],
                          capture_output=True, text=True, check=False)
    # The page has no date: it changes with the program, and builds are to be reproducible.
    complaints = [line for line in lint.stdout.splitlines() if "date" not in line]
    assert complaints == []
    shown = subprocess.run(["mandoc", "-T", "ascii", page], capture_output=True, text=True,
                           check=True).stdout
    assert "--max-startups" in re.sub(".\b", "", shown)  # bold is struck twice


def bash(line):
    """What bash offers at the end of the line."""
    words = line.split(" ")
    script = document("bash") + f"""
COMP_WORDS=({' '.join(f"'{word}'" for word in words)})
COMP_CWORD={len(words) - 1}
_neosocksd
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completes_names_and_words():
    assert bash("neosocksd --no-m") == ["--no-mixed"]
    assert bash("neosocksd --io ") == ["auto", "uring", "epoll"]
    assert bash("neosocksd --log st") == ["stdout", "stderr"]
    assert bash("neosocksd -i l") == ["lo"]
    assert bash("neosocksd --timeout ") == []
    assert "--listen" in bash("neosocksd ") and "ctl" in bash("neosocksd ")
    assert "ctl" not in bash("neosocksd --daemonize ")


def test_bash_completes_ctl():
    assert bash("neosocksd ctl sess") == ["sessions"]
    assert bash("neosocksd ctl --tok") == ["--token-file"]
    assert "/etc" in bash("neosocksd ctl invoke /")
    assert bash("neosocksd ctl --api ") == []
    assert "--listen" not in bash("neosocksd ctl ")


def test_zsh_accepts_its_completion(tmp_path):
    script = tmp_path / "_neosocksd"
    script.write_text(document("zsh"))
    done = subprocess.run([program("zsh", "zsh"), "-n", script], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")
    # Zsh checks specifications only when they are used: offer it a command line.
    capture = f"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; autoload -Uz compinit; fpath=({tmp_path} $fpath); compinit -u -D'
zpty -w z 'zstyle ":completion:*" list-prompt ""; zstyle ":completion:*" menu no'
zpty -w z 'LISTMAX=1000; print re''ady'
zpty -r -m z line '*ready*'
zpty -n -w z $'neosocksd --no-m\\t'
zpty -r -m z line '*--no-mixed*' && print -r -- found
zpty -n -w z $'\\x15neosocksd ctl sess\\t'
zpty -r -m z line '*ctl sessions*' && print -r -- found
zpty -d z
"""
    done = subprocess.run(["zsh", "-f", "-c", capture], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.stdout.split() == ["found"] * 2, done.stderr


def test_fish_completes_names_and_words(tmp_path):
    script = tmp_path / "neosocksd.fish"
    script.write_text(document("fish"))

    def offers(line):
        done = subprocess.run(
            [program("fish", "fish"), "--no-config", "-c",
             f"source {script}; complete -C '{line}'"], capture_output=True, text=True, check=True)
        return [row.split("\t")[0] for row in done.stdout.splitlines()]

    assert "--no-mixed" in offers("neosocksd --no-m")
    assert sorted(offers("neosocksd --io ")) == ["auto", "epoll", "uring"]
    assert "ctl" in offers("neosocksd ")
    assert offers("neosocksd ctl sess") == ["sessions"]
    assert offers("neosocksd ctl --tok") == ["--token-file"]
    assert "--no-mixed" not in offers("neosocksd ctl --no-m")
