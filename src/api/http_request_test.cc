#include "api/http_request.h"

#include <functional>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

using Next = RequestReader::Next;

const std::string kPost = "POST /ruleset/invoke HTTP/1.1\r\n";

// What a client says, up to its first complete request or its refusal.
struct Outcome {
    int status = 0;  // 0: a request
    std::string said;
    std::string body;
    HttpRequest request;
    bool complete = false;
};

Outcome run(const std::vector<std::string_view>& pieces) {
    RequestReader reader;
    Outcome outcome;
    auto next = Next::need_bytes;
    for (std::size_t i = 0; i < pieces.size() && next == Next::need_bytes; i++) {
        next = reader.feed(pieces[i]);
        if (next == Next::head) next = reader.accept_body();
    }
    outcome.said = reader.output();
    outcome.request = reader.request();
    if (next == Next::refuse) outcome.status = reader.status();
    outcome.complete = next == Next::request;
    if (outcome.complete) {
        const auto body = reader.request().take_body();
        if (body)
            outcome.body = *body;
        else
            outcome.status = body.error();
    }
    return outcome;
}

// As a whole, byte by byte, and cut in two everywhere: all the same.
Outcome read(const std::string& bytes) {
    SCOPED_TRACE(bytes.substr(0, 300));
    const Outcome whole = run({bytes});
    const auto same = [&](const std::vector<std::string_view>& pieces) {
        const Outcome other = run(pieces);
        EXPECT_EQ(other.status, whole.status);
        EXPECT_EQ(other.said, whole.said);
        EXPECT_EQ(other.body, whole.body);
        EXPECT_EQ(other.complete, whole.complete);
        EXPECT_EQ(other.request.target.path, whole.request.target.path);
    };
    std::vector<std::string_view> single;
    for (const char& c : bytes) single.emplace_back(&c, 1);
    if (bytes.size() < 20000) same(single);
    for (std::size_t cut = 1; cut < std::min<std::size_t>(bytes.size(), 1000); cut++)
        same({std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)});
    return whole;
}

int status_of(const std::string& bytes) {
    const Outcome outcome = read(bytes);
    EXPECT_TRUE(outcome.status != 0 || outcome.complete) << bytes;
    return outcome.status;
}

std::string with_body(const std::string& head, const std::string& body) {
    return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(HttpRequest, is_read_with_its_fields) {
    const auto outcome = read(
        "POST /stats?q=1 HTTP/1.1\r\nHost: a.example\r\norigin: http://a.example\r\n"
        "Sec-Fetch-Site: same-origin\r\nAUTHORIZATION: Bearer x\r\nContent-Type: text/plain\r\n"
        "Accept: */*\r\n\r\n");
    ASSERT_TRUE(outcome.complete);
    EXPECT_EQ(outcome.request.method, "POST");
    EXPECT_EQ(outcome.request.target.query, "q=1");
    EXPECT_EQ(outcome.request.host, "a.example");
    EXPECT_EQ(outcome.request.origin, "http://a.example");
    EXPECT_EQ(outcome.request.fetch_site, "same-origin");
    EXPECT_EQ(outcome.request.authorization, "Bearer x");
    EXPECT_EQ(outcome.request.content_type, "text/plain");
    EXPECT_FALSE(outcome.request.wants_json);
    EXPECT_TRUE(outcome.request.keep_alive);
    EXPECT_FALSE(outcome.request.has_length);
    EXPECT_FALSE(outcome.request.is_head());
}

TEST(HttpRequest, needs_no_host_and_takes_the_authority_of_an_absolute_target) {
    EXPECT_EQ(read("GET /healthy HTTP/1.1\r\n\r\n").request.host, std::nullopt);
    EXPECT_EQ(read("GET http://b:1/healthy HTTP/1.1\r\nHost: a\r\n\r\n").request.host, "b:1");
}

TEST(HttpRequest, keeps_the_connection_unless_told_otherwise) {
    const auto keeps = [](const std::string& line, const std::string& fields) {
        return read("GET / " + line + "\r\n" + fields + "\r\n").request.keep_alive;
    };
    EXPECT_TRUE(keeps("HTTP/1.1", ""));
    EXPECT_TRUE(keeps("HTTP/1.1", "Connection: keep-alive\r\n"));
    EXPECT_TRUE(keeps("HTTP/1.9", ""));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: Keep-Alive, Close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: x\r\nconnection: close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0", ""));
    EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive\r\n"));
}

TEST(HttpRequest, has_a_body_of_known_length) {
    const auto outcome = read(with_body(kPost, "return 1"));
    EXPECT_EQ(outcome.body, "return 1");
    EXPECT_TRUE(outcome.request.has_length);
    EXPECT_EQ(outcome.said, "");
    EXPECT_TRUE(read(with_body(kPost, "")).request.has_length);
    EXPECT_FALSE(read(kPost + "\r\n").request.has_length);
    EXPECT_EQ(read(with_body(kPost + "Content-Length: 1\r\n", "x")).body, "x");
}

TEST(HttpRequest, has_a_body_in_chunks) {
    const auto outcome =
        read(kPost +
             "Transfer-Encoding: Chunked\r\n\r\n3\r\nret\r\n5;a=b\r\nurn 1\r\n0\r\nT: x\r\n\r\n");
    EXPECT_EQ(outcome.body, "return 1");
    EXPECT_TRUE(outcome.request.has_length);
    EXPECT_EQ(status_of(kPost + "Transfer-Encoding: chunked\r\n\r\nx\r\n"), 400);
}

TEST(HttpRequest, asks_for_an_expected_body_once) {
    const std::string expecting = kPost + "Expect: 100-Continue\r\n";
    EXPECT_EQ(read(with_body(expecting, "x")).said, "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(read(expecting + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").said,
              "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(read(with_body(expecting, "")).said, "");
    EXPECT_EQ(read(expecting + "\r\n").said, "");
    EXPECT_EQ(read(with_body("POST / HTTP/1.0\r\nExpect: 100-continue\r\n", "x")).said, "");
    EXPECT_EQ(status_of(with_body(kPost + "Expect: something\r\n", "x")), 417);
}

TEST(HttpRequest, is_no_larger_than_4_mib_and_told_so_before_its_body_is_read) {
    RequestReader reader;
    EXPECT_EQ(reader.feed(kPost + "Expect: 100-continue\r\nContent-Length: 4194305\r\n\r\n"),
              Next::refuse);
    EXPECT_EQ(reader.status(), 413);
    EXPECT_EQ(reader.output(), "");

    const std::string exact(limits::kApiBodyBytes, 'x');
    EXPECT_EQ(run({with_body(kPost, exact)}).body, exact);
    const std::string head = kPost + "Transfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(run({head + "400000\r\n" + exact + "\r\n1\r\nx\r\n0\r\n\r\n"}).status, 413);
    EXPECT_EQ(run({head + "400000\r\n" + exact + "\r\n0\r\n\r\n"}).body, exact);
}

TEST(HttpRequest, refuses_lengths_that_are_none) {
    for (const char* length : {"-1", "+1", "", "1x", "0x10", "1 2", "99999999999999999999", "1,1"})
        EXPECT_EQ(status_of(kPost + "Content-Length: " + length + "\r\n\r\n"), 400) << length;
    EXPECT_EQ(status_of(kPost + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"), 400);
    EXPECT_EQ(status_of(kPost + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx"), 400);
    EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    EXPECT_EQ(status_of(kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
    EXPECT_EQ(status_of(kPost + "Transfer-Encoding: identity\r\n\r\n"), 501);
}

TEST(HttpRequest, decodes_its_body) {
    const std::string text(500, 'x');
    for (const auto& [name, bytes] :
         {std::pair<std::string, std::string>{"deflate", deflate(text, Format::zlib)},
          {"Deflate", deflate(text, Format::zlib)},
          {"gzip", deflate(text, Format::gzip)},
          {"x-gzip", deflate(text, Format::gzip)},
          {"identity", text},
          {"", text}})
        EXPECT_EQ(read(with_body(kPost + "Content-Encoding: " + name + "\r\n", bytes)).body, text)
            << name;
    const std::string zlib = deflate(text, Format::zlib);
    EXPECT_EQ(
        read(with_body(kPost + "Content-Encoding: deflate\r\n", zlib.substr(2, zlib.size() - 6)))
            .body,
        text);
    EXPECT_EQ(read(with_body(kPost + "Content-Encoding: deflate\r\n", "")).body, "");
}

TEST(HttpRequest, refuses_a_body_that_is_damaged_or_unknown) {
    for (const char* coding : {"br", "zstd", "gzip, deflate", "deflate, deflate", "chunked"})
        EXPECT_EQ(status_of(with_body(kPost + "Content-Encoding: " + coding + "\r\n", "x")), 415);
    EXPECT_EQ(status_of(with_body(kPost + "Content-Encoding: deflate\r\n", "not deflate")), 400);
    EXPECT_EQ(status_of(with_body(kPost + "Content-Encoding: gzip\r\n", "not gzip")), 400);
    std::string gzip = deflate(std::string(500, 'x'), Format::gzip);
    EXPECT_EQ(
        status_of(with_body(kPost + "Content-Encoding: gzip\r\n", gzip.substr(0, gzip.size() - 4))),
        400);
    gzip[gzip.size() - 8] ^= 1;
    EXPECT_EQ(status_of(with_body(kPost + "Content-Encoding: gzip\r\n", gzip)), 400);
    const std::string bomb = deflate(std::string(limits::kInflatedBytes + 1, 'x'), Format::zlib);
    EXPECT_EQ(run({with_body(kPost + "Content-Encoding: deflate\r\n", bomb)}).status, 413);
}

TEST(HttpRequest, is_refused_when_it_is_malformed) {
    for (const char* bytes :
         {"\r\nGET / HTTP/1.1\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
          "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
          "GET / HTTP/1.1\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
          "G(T / HTTP/1.1\r\n\r\n", "GET * HTTP/1.1\r\n\r\n", "GET healthy HTTP/1.1\r\n\r\n",
          "GET //x HTTP/1.1\r\n\r\n", "GET http://host HTTP/1.1\r\n\r\n",
          "GET /%zz HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
          "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
          "GET / HTTP/1.1\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
          "GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n"})
        EXPECT_EQ(status_of(bytes), 400) << bytes;
    EXPECT_EQ(status_of(std::string("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24)), 400);
}

TEST(HttpRequest, has_a_head_of_8191_bytes_at_most) {
    const std::string begin = "GET /healthy HTTP/1.1\r\nA: ";
    const auto head = [&](std::size_t size) {
        return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n";
    };
    EXPECT_TRUE(run({head(8191)}).complete);
    EXPECT_EQ(run({head(8192)}).status, 413);
    EXPECT_EQ(run({"GET /" + std::string(9000, 'x')}).status, 413);
}

TEST(HttpRequest, ignores_what_it_does_not_know) {
    EXPECT_TRUE(
        read("GET / HTTP/1.1\r\nTE: trailers\r\nAccept-Encoding: br\r\nX: y\r\n\r\n").complete);
}

TEST(RequestReader, serves_requests_that_came_in_one_piece_one_after_another) {
    const std::string bytes = with_body(kPost, "one") + with_body(kPost, "two") + "\r\n" +
                              "GET /healthy HTTP/1.1\r\n\r\n";
    for (std::size_t cut = 0; cut < bytes.size(); cut++) {
        RequestReader reader;
        std::vector<std::string> seen;
        const auto go_on = [&](Next next) {
            for (;;) {
                if (next == Next::head) next = reader.accept_body();
                if (next != Next::request) return;
                seen.push_back(reader.request().method + reader.request().body);
                next = reader.next_request();
            }
        };
        go_on(reader.feed(std::string_view(bytes).substr(0, cut)));
        go_on(reader.feed(std::string_view(bytes).substr(cut)));
        EXPECT_EQ(seen, (std::vector<std::string>{"POSTone", "POSTtwo", "GET"})) << cut;
        EXPECT_FALSE(reader.started());
    }
}

TEST(RequestReader, stops_before_the_body_so_that_it_can_be_refused) {
    RequestReader reader;
    EXPECT_EQ(reader.feed(with_body(kPost + "Expect: 100-continue\r\n", "code")), Next::head);
    EXPECT_EQ(reader.output(), "");
    EXPECT_EQ(reader.request().method, "POST");
    EXPECT_TRUE(reader.started());
}

TEST(Accept, names_json_or_does_not) {
    const auto wanted = [](const std::string& fields) {
        return read("GET / HTTP/1.1\r\n" + fields + "\r\n").request.wants_json;
    };
    for (const char* fields :
         {"Accept: application/json\r\n", "Accept: text/html, Application/JSON;q=0.9\r\n",
          "Accept: text/plain\r\nAccept: application/json\r\n"})
        EXPECT_TRUE(wanted(fields)) << fields;
    for (const char* fields : {"", "Accept: */*\r\n", "Accept: text/plain\r\n",
                               "Accept: application/json;q=0, text/plain\r\n"})
        EXPECT_FALSE(wanted(fields)) << fields;
}

TEST(AcceptEncoding, prefers_deflate_which_old_peers_know) {
    const auto taken = [](const std::string& value) {
        return read("GET / HTTP/1.1\r\nAccept-Encoding: " + value + "\r\n\r\n")
            .request.answer_coding;
    };
    for (const char* value : {"deflate", "gzip, deflate, br", "Deflate;q=0.1", "*", "gzip;q=1, *",
                              "identity;q=0, *;q=0.5", "deflate;q=0.001"})
        EXPECT_EQ(taken(value), Coding::deflate) << value;
    for (const char* value :
         {"gzip", "x-gzip", "br, GZIP;q=0.5", "deflate;q=0, gzip", "deflate;q=0.000, *"})
        EXPECT_EQ(taken(value), Coding::gzip) << value;
    for (const char* value : {"", "identity", "br", "deflate;q=0", "*;q=0", "gzip;q=0, deflate;q=0",
                              "gzip;q=0.0, *;q=0"})
        EXPECT_EQ(taken(value), Coding::identity) << value;
    EXPECT_EQ(read("GET / HTTP/1.1\r\n\r\n").request.answer_coding, Coding::identity);
}

}  // namespace
}  // namespace neosocksd::api
