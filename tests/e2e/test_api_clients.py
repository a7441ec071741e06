"""Real clients of the API: urllib, http.client, curl in its various moods, a Unix socket."""

import http.client
import subprocess
import urllib.error
import urllib.request

import pytest

from support import net
from support.api import Api
from support.process import program
from support.proxy import Proxy


@pytest.fixture
def api(io, tmp_path):
    (tmp_path / "r.lua").write_text("return {}")
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", io=io) as proxy:
        yield Api(proxy)


def curl(api, *args, data=None):
    *options, path = args
    command = [program("curl", "curl"), "--silent", "--show-error", "--max-time",
               str(3 * net.DEADLINE), "--noproxy", "*", *options,
               f"http://{api.address[0]}:{api.address[1]}{path}"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def test_urllib(api):
    url = f"http://127.0.0.1:{api.address[1]}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url + "/stats") as answer:  # Accept-Encoding: identity
        assert answer.status == 200 and answer.read().startswith(b"neosocksd")
    with opener.open(url + "/ruleset/invoke", b"x = 1") as answer:
        assert answer.read().startswith(b"Time Cost")
    with pytest.raises(urllib.error.HTTPError) as error:
        opener.open(url + "/ruleset/invoke", b"error('x')")
    assert error.value.code == 500 and error.value.read() == b"(invoke):1: x"


def test_http_client_keeps_its_connection(api):
    connection = http.client.HTTPConnection(*api.address)
    connection.request("GET", "/healthy")
    assert connection.getresponse().read() == b""
    sock = connection.sock
    connection.request("POST", "/ruleset/invoke", iter([b"x", b"= 1"]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().read().startswith(b"Time Cost")
    connection.request("HEAD", "/healthy")
    assert connection.getresponse().read() == b""
    assert connection.sock is sock
    connection.request("GET", "/nothing")
    assert connection.getresponse().status == 404
    connection.close()


def test_curl(api):
    assert curl(api, "/stats").startswith(b"neosocksd")
    assert curl(api, "--compressed", "/stats").startswith(b"neosocksd")
    assert curl(api, "--http1.0", "/stats").startswith(b"neosocksd")
    assert curl(api, "--http1.0", "--compressed", "/metrics").startswith(b"# HELP")
    assert b"405 Method Not Allowed" in curl(api, "-I", "/stats")
    assert curl(api, "-I", "/healthy").startswith(b"HTTP/1.1 200 OK")


def test_curl_posts_files_of_any_size(api):
    small = curl(api, "--data-binary", "@-", "/ruleset/invoke", data=b"x = 1")
    assert small.startswith(b"Time Cost")
    # Above 1 MiB curl asks first: Expect: 100-continue.
    large = b"-- " + b"x" * (3 << 20)
    assert curl(api, "-T", "-", "-X", "POST", "/ruleset/invoke", data=large).startswith(b"Time")
    assert curl(api, "--data-binary", "@-", "/ruleset/invoke", data=large).startswith(b"Time")
    too_large = b"-- " + b"x" * (5 << 20)
    assert b"413" in curl(api, "--data-binary", "@-", "/ruleset/invoke", data=too_large)


def test_curl_reuses_its_connection(api):
    url = f"http://{api.address[0]}:{api.address[1]}/healthy"
    done = subprocess.run([program("curl", "curl"), "-sv", "--noproxy", "*", url, url],
                          capture_output=True, check=True)
    assert b"Re-using existing connection" in done.stderr


def test_unix_socket(io, tmp_path):
    path = tmp_path / "api"
    with Proxy("--api", f"unix:{path}", io=io) as proxy:
        proxy.wait_log(rf"api listen: unix:{path}$")
        assert proxy.count_log("without --api-token-file") == 0
        done = subprocess.run([program("curl", "curl"), "-s", "--unix-socket", path,
                               "http://any.example/stats"], capture_output=True, check=True)
        assert done.stdout.startswith(b"neosocksd")
    assert not path.exists()
