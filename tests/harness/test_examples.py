"""The finder of documentation examples, on a document made for it."""

from support import examples

TEXT = """# Title

```sh
# a comment
build/neosocksd -l 127.0.0.1:1080 \\
    -x socks5://user:pw@hop.example:1080,http://other.example:3128
$ curl -x socks5h://127.0.0.1:1080 https://example.com/ | head
make
```

```cpp
curl nothing
```

```sh
sudo apt install x
```
"""


def test_finds_what_is_runnable(tmp_path):
    (tmp_path / "README.md").write_text(TEXT)
    block, = examples.blocks(tmp_path)
    assert block.name == "README.md:3"
    start, curl = block.commands
    assert start[0] == "build/neosocksd" and curl[0] == "curl" and "|" not in curl


def test_replaces_what_is_far_away(tmp_path):
    start, _ = examples.commands(TEXT.split("```")[1].removeprefix("sh\n"))
    urls = {"socks5": "socks5://a:1", "http": "http://b:2"}
    args = examples.local_arguments(start, urls.get, "c:3", "d:4")
    assert args == ["-l", "127.0.0.1:0", "-x", "socks5://a:1,http://b:2"]


def test_replaces_proxy_and_url_of_curl():
    class Web:
        url = "https://127.0.0.1:9"

    words = ["curl", "-x", "socks5h://127.0.0.1:1080", "-U", "a:b", "https://example.com/x"]
    got = examples.local_curl(words, ("127.0.0.1", 7), None, Web)
    assert got[-5:] == ["-x", "socks5h://127.0.0.1:7", "-U", "a:b", "https://127.0.0.1:9/"]
    words = ["curl", "--socks5-hostname", "localhost:1080", "https://example.com"]
    assert examples.local_curl(words, ("127.0.0.1", 7), None, Web)[-2:] == [
        "127.0.0.1:7", "https://127.0.0.1:9/"]
