"""Chromium without a window: loads one page and prints its document."""

import subprocess

from support import net
from support.peers import environment
from support.process import program


def dump(proxy_url, url, profile, *more):
    """The page's document after its scripts ran."""
    done = subprocess.run(
        [program("chromium", "chromium"), "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--disable-extensions", "--virtual-time-budget=5000",
         f"--proxy-server={proxy_url}", "--proxy-bypass-list=<-loopback>",
         f"--user-data-dir={profile}", *more, "--dump-dom", url],
        capture_output=True, text=True, timeout=9 * net.DEADLINE,
        env=environment(HOME=str(profile)))
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
