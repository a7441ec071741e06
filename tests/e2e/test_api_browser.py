"""A whole browser, on a page of another site that would like to run code through the API."""

import http.server
import threading

from support.api import Api
from support.browser import dump
from support.dns import Dns, Name
from support.proxy import Proxy

PAGE = """<!doctype html><title>t</title><pre id=log>begin</pre><script>
const log = text => document.getElementById("log").textContent += "\\n" + text;
async function attack(name, url, options) {
  try {
    const answer = await fetch(url, options);
    log(name + " " + answer.type + " " + answer.status + " " + await answer.text());
  } catch (error) { log(name + " failed"); }
}
(async () => {
  const api = "http://127.0.0.1:API";
  await attack("simple", api + "/ruleset/invoke",
    {method: "POST", mode: "no-cors", body: "_G.ran = 1"});
  await attack("cors", api + "/ruleset/invoke", {method: "POST", body: "_G.ran = 2"});
  await attack("typed", api + "/ruleset/rpcall", {method: "POST", body: "_G.ran = 3",
    headers: {"Content-Type": "application/x-neosocksd-rpc; version=1"}});
  await attack("look", api + "/stats", {});
  await attack("rebound", "http://evil.test:API/ruleset/invoke",
    {method: "POST", body: "_G.ran = 4"});
  log("end");
})();
</script>
"""


class Site:
    """Serves the page, as somebody else's site."""

    def __init__(self, page):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def test_a_page_of_another_site_runs_nothing(io, tmp_path):
    """Its name resolves to our address, too: the browser then sends the API requests under it."""
    (tmp_path / "r.lua").write_text("return { resolve = function(a) return a end }")
    with Dns({"evil.test": Name(v4=["127.0.0.1"])}) as dns, \
            Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", io=io) as proxy, \
            Proxy("--nameserver", dns.address_text, io=io) as way:
        api = Api(proxy)
        with Site(PAGE.replace("API", str(api.address[1]))) as site:
            text = dump(f"socks5://127.0.0.1:{way.port}", f"http://evil.test:{site.port}/",
                        tmp_path / "profile")
        assert "\nend" in text, text
        assert "neosocksd" not in text.split("<pre")[1].split("</pre>")[0], "it could read /stats"
        # The browser did send them; it is we who refused.
        assert proxy.count_log("W .*refused: sent by a page of another") >= 2
        assert api.invoke("assert(ran == nil)").status == 200
