"""The programs that are compared: how each is started, and on which protocols it takes part.

To add one, add an entry to PEERS. Commands and configuration files are templates; these stand in
them, each with a dollar sign: port, target (host:port), thost, tport, tmp (a scratch directory),
unique (a new word for each run), user (who we are), nofile (the descriptor limit), workers
(threads or processes: 1 when pinned to a core, otherwise one for each CPU), mode (what the scenario
does: cps, rr, down, ...). Every peer runs in the
foreground, logs nothing per connection, and holds connections for an hour: what is compared is
relaying, not logging.
"""

import os
import shutil
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = ("neosocksd-uring", "neosocksd-epoll")


@dataclass
class Peer:
    commands: dict  # protocol (socks5, http, forward, direct) -> command line
    program: str = ""  # looked up in PATH and the sbin directories; empty: none is needed
    files: dict = field(default_factory=dict)  # name in $tmp -> content
    extra_need: str = ""  # a file that must exist as well
    ours: bool = False
    optional: bool = False  # only when asked for by name
    chatty: bool = False  # logs each connection on stderr, which then must cost nothing
    only: tuple = ()  # the scenarios it takes part in; empty: all
    how: str = "single thread"  # how it spreads over cores, for the reader
    package: str = ""  # where to get it


def find_program(name):
    """The path of a program, or None. The sbin directories are not in everyone's PATH."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(name, path=path)


def neosocksd(program, options="", **keywords):
    base = f"{program} -l 127.0.0.1:$port --loglevel 2 {options}".rstrip()
    return Peer(
        commands={"socks5": base, "http": base + " --http", "forward": base + " -f $target"},
        program=program,
        **keywords,
    )


HAPROXY = """\
global
  maxconn 9500
  $limits
  nbthread $workers
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  $options
frontend f
  bind 127.0.0.1:$port
  default_backend b
backend b
  server s $target
"""


def haproxy(limits="", options=""):
    config = HAPROXY.replace("$limits", limits).replace("$options", options)
    return Peer(
        commands={"forward": "haproxy -q -db -f $tmp/haproxy.cfg"},
        program="haproxy",
        files={"haproxy.cfg": config},
        how="threads",
        package="haproxy",
    )


PEERS = {
    "microsocks": Peer(
        commands={"socks5": "microsocks -i 127.0.0.1 -p $port"},
        program="microsocks",
        chatty=True,
        how="thread per connection",
        package="microsocks",
    ),
    "danted": Peer(
        commands={"socks5": "danted -f $tmp/danted.conf -p $tmp/danted.pid"},
        program="danted",
        files={
            "danted.conf": "logoutput: /dev/null\n"
            "internal: 127.0.0.1 port = $port\nexternal: 127.0.0.1\n"
            "clientmethod: none\nsocksmethod: none\n"
            "user.privileged: $user\nuser.unprivileged: $user\n"
            "timeout.io: 3600\n"
            "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
            "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
        },
        how="many processes",
        package="dante-server",
    ),
    "haproxy": haproxy(),
    # By itself it reserves so many pipes that 9000 tunnels would not fit into 20,000 descriptors.
    "haproxy-splice": haproxy("maxpipes 300", "option splice-request\n  option splice-response"),
    "nginx": Peer(
        commands={"forward": "nginx -c $tmp/nginx.conf -p $tmp"},
        program="nginx",
        files={
            "nginx.conf": "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
            "daemon off;\nuser $user;\nworker_processes $workers;\nerror_log /dev/null crit;\n"
            "pid $tmp/nginx.pid;\n"
            "events { worker_connections 19000; }\n"
            "stream { access_log off; server { listen 127.0.0.1:$port backlog=4096;\n"
            " proxy_pass $target; proxy_timeout 1h; } }\n"
        },
        extra_need="/usr/lib/nginx/modules/ngx_stream_module.so",
        how="worker processes",
        package="nginx, libnginx-mod-stream",
    ),
    "tinyproxy": Peer(
        commands={"http": "tinyproxy -d -c $tmp/tinyproxy.conf"},
        program="tinyproxy",
        files={
            "tinyproxy.conf": "Port $port\nListen 127.0.0.1\nTimeout 3600\nMaxClients 9500\n"
            'LogLevel Critical\nLogFile "/dev/null"\nDisableViaHeader Yes\n'
        },
        how="thread per connection",
        package="tinyproxy",
    ),
    # -N: one process. Its several-worker mode wants a system installation (run directories), so
    # it stays single in every comparison. -n: shared memory of its own, beside another squid's.
    "squid": Peer(
        commands={"http": "squid -N -n $unique -f $tmp/squid.conf"},
        program="squid",
        files={
            "squid.conf": "http_port 127.0.0.1:$port\nhttp_access allow all\n"
            "cache deny all\naccess_log none\ncache_log /dev/null\ncache_store_log none\n"
            "pid_filename none\ncache_mem 8 MB\nmax_filedescriptors $nofile\n"
            "shutdown_lifetime 0 seconds\npinger_enable off\n"
            "via off\nforwarded_for delete\ncoredump_dir $tmp\nnetdb_filename none\n"
            "client_db off\nread_timeout 1 hour\nclient_lifetime 1 day\n"
        },
        package="squid",
    ),
    "pen": Peer(
        commands={"forward": "pen -f -r -c 9500 -x 9500 127.0.0.1:$port $target"},
        program="pen",
        package="pen",
    ),
    "rinetd": Peer(
        commands={"forward": "rinetd -f -c $tmp/rinetd.conf"},
        program="rinetd",
        files={"rinetd.conf": "127.0.0.1 $port $thost $tport\n"},
        package="rinetd",
    ),
    # No proxy at all: what generator and backend can do by themselves.
    "direct": Peer(commands={"direct": ""}, optional=True, how="no proxy"),
}


# What rules cost: ours, with a ruleset that decides nothing and with the library's first example,
# changed so that it lets the generator's target through.
TRIVIAL = """\
local ruleset = {}
function ruleset.resolve(addr) return addr end
function ruleset.route(addr) return addr end
function ruleset.route6(addr) return addr end
return ruleset
"""
LIBRARY = f"""\
local ruleset = dofile("{ROOT}/examples/ruleset_simple.lua")
_G.route[1] = {{ inet.subnet({{ "192.0.2.0/24", "169.254.0.0/16" }}), rule.reject() }}
_G.route_default = {{ rule.direct(), nil }}
return ruleset
"""
RULESETS = {"trivial": TRIVIAL, "library": LIBRARY}
# The program with rules -> the one without.
RULES = {f"rules-{name}-{ours.rpartition('-')[2]}": ours for name in RULESETS for ours in OURS}

# The smallest programs that do what the scenarios ask for (floor.cc): what the kernel costs.
FLOOR = ("floor-epoll", "floor-uring")
FLOOR_URING = ("rr-1", "rr-200")


def with_rules(program, threads, name):
    _, text, engine = name.split("-")
    options = f"{threads}--io {engine} -r $tmp/rules.lua"
    return Peer(
        commands={"socks5": f"{program} -l 127.0.0.1:$port --loglevel 2 {options}"},
        program=program,
        files={"rules.lua": RULESETS[text]},
        only=("cps-socks5", "cps-socks5-1", "start"),
        how="threads",
        package="make",
    )


def floor(program, name):
    base = f"{program} {name.rpartition('-')[2]} $mode 127.0.0.1:$port"
    return Peer(commands={"socks5": base, "forward": base + " $target"}, program=program,
                only=FLOOR_URING if name == "floor-uring" else (), package="make bench")


def all_peers(binary, all_cores, build_dir=""):
    """Every peer by name, ours first. `binary` is the program under test; what bench/run builds
    by itself is in `build_dir`."""
    threads = "" if all_cores else "--threads 1 "
    peers = {
        name: neosocksd(binary, f"{threads}--io {name.rpartition('-')[2]}", ours=True,
                        how="threads", package="make")
        for name in OURS
    }
    peers |= {name: with_rules(binary, threads, name) for name in RULES}
    if old := os.environ.get("NEO142"):  # the program that ours replaces, for those who have it
        peers["neosocksd-1.4.2"] = neosocksd(os.path.abspath(old), package="$NEO142")
    if not all_cores:  # it has one thread, on purpose
        peers |= {name: floor(os.path.join(build_dir, "floor"), name) for name in FLOOR}
    return peers | PEERS


def installed(peer):
    if peer.extra_need and not os.path.exists(peer.extra_need):
        return False
    return not peer.program or find_program(peer.program) is not None


def choose(peers, wanted, log):
    """The names to run: those wanted (or +added, or all but the optional), where installed.

    Ours take part in every comparison, whatever is wanted: the ratios are theirs."""
    default = [name for name, peer in peers.items() if not peer.optional]
    names = default
    if wanted:
        asked = [name for name in wanted.split(",") if name]
        for name in asked:
            if name.lstrip("+") not in peers:
                raise SystemExit(f"unknown peer: {name.lstrip('+')} (known: {', '.join(peers)})")
        if all(name.startswith("+") for name in asked):
            asked = default + [name[1:] for name in asked]
        asked = [name.lstrip("+") for name in asked]
        names = [name for name in peers if name in asked or peers[name].ours]
    for name in names:
        if not installed(peers[name]):
            source = "build it with" if peers[name].ours else "package"
            log(f"NOT FOUND, left out: {name} ({source} {peers[name].package})")
    return [name for name in names if installed(peers[name])]
