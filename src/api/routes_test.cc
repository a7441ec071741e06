#include "api/routes.h"

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

HttpRequest request(const std::string& method, const std::string& target, bool length = false) {
    HttpRequest request;
    request.method = method;
    request.target = *parse_request_target(target);
    request.has_length = length;
    return request;
}

int status(const HttpRequest& request, bool ruleset = true) {
    const auto found = route(request, ruleset);
    return found ? 0 : found.error().status;
}

TEST(Routes, lead_to_the_endpoints) {
    EXPECT_EQ(route(request("GET", "/healthy"), false), Endpoint::healthy);
    EXPECT_EQ(route(request("DELETE", "/healthy"), false), Endpoint::healthy);
    EXPECT_EQ(route(request("GET", "/stats"), false), Endpoint::stats);
    EXPECT_EQ(route(request("POST", "/stats"), false), Endpoint::stats);
    EXPECT_EQ(route(request("GET", "/metrics"), false), Endpoint::metrics);
    EXPECT_EQ(route(request("POST", "/ruleset/invoke", true), true), Endpoint::invoke);
    EXPECT_EQ(route(request("POST", "/ruleset/update", true), true), Endpoint::update);
    EXPECT_EQ(route(request("POST", "/ruleset/rpcall", true), true), Endpoint::rpcall);
    EXPECT_EQ(route(request("POST", "/ruleset/gc"), true), Endpoint::gc);
}

TEST(Routes, know_no_other_path) {
    for (const char* path : {"/", "/Healthy", "/healthy/", "/healthy/x", "/stats/x", "/ruleset",
                             "/ruleset/", "/ruleset/x", "/ruleset/gc/", "/ruleset/gc/x", "/x"})
        EXPECT_EQ(status(request("POST", path, true)), 404) << path;
}

TEST(Routes, without_a_ruleset_there_is_none_whatever_is_asked) {
    for (const char* path : {"/ruleset", "/ruleset/invoke", "/ruleset/x/y", "/ruleset/gc"}) {
        for (const char* method : {"GET", "POST", "DELETE"}) {
            const auto found = route(request(method, path), false);
            ASSERT_FALSE(found);
            EXPECT_EQ(found.error().status, 500);
            EXPECT_EQ(found.error().body, "ruleset is not enabled on the server");
            EXPECT_EQ(found.error().content_type, kPlainText);
        }
    }
}

TEST(Routes, tell_the_methods_that_are_allowed) {
    const auto allow = [](const std::string& method, const std::string& path) {
        const auto found = route(request(method, path, true), true);
        EXPECT_EQ(found.error().status, 405) << method << ' ' << path;
        return found.error().allow;
    };
    EXPECT_EQ(allow("HEAD", "/stats"), "GET, POST");
    EXPECT_EQ(allow("get", "/stats"), "GET, POST");
    EXPECT_EQ(allow("PUT", "/stats"), "GET, POST");
    EXPECT_EQ(allow("POST", "/metrics"), "GET");
    for (const char* path :
         {"/ruleset/invoke", "/ruleset/update", "/ruleset/gc", "/ruleset/rpcall"})
        EXPECT_EQ(allow("GET", path), "POST");
}

TEST(Routes, check_the_length_last) {
    EXPECT_EQ(status(request("POST", "/ruleset/invoke")), 411);
    EXPECT_EQ(status(request("GET", "/ruleset/invoke")), 405);
    EXPECT_EQ(status(request("POST", "/ruleset/invoke/x")), 404);
    EXPECT_EQ(status(request("POST", "/ruleset/invoke"), false), 500);
    EXPECT_EQ(status(request("POST", "/ruleset/gc")), 0);
}

TEST(NeededRole, is_read_for_looking_and_admin_for_the_rest) {
    EXPECT_EQ(needed_role(request("GET", "/healthy")), std::nullopt);
    EXPECT_EQ(needed_role(request("POST", "/healthy")), std::nullopt);
    EXPECT_EQ(needed_role(request("GET", "/stats")), Role::read);
    EXPECT_EQ(needed_role(request("GET", "/metrics")), Role::read);
    EXPECT_EQ(needed_role(request("GET", "/nothing")), Role::read);
    EXPECT_EQ(needed_role(request("POST", "/stats")), Role::admin);
    EXPECT_EQ(needed_role(request("POST", "/ruleset/invoke")), Role::admin);
    EXPECT_EQ(needed_role(request("GET", "/ruleset/invoke")), Role::admin);
    EXPECT_EQ(needed_role(request("DELETE", "/nothing")), Role::admin);
}

}  // namespace
}  // namespace neosocksd::api
