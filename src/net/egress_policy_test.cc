#include "net/egress_policy.h"

#include <gtest/gtest.h>

#include "net/egress_local.h"

namespace neosocksd::net {
namespace {

IpAddress ip(std::string_view text) {
    const auto address = IpAddress::parse(text);
    EXPECT_TRUE(address) << text;
    return address.value_or(IpAddress());
}

bool allowed(const EgressPolicy& policy, std::string_view text, std::uint16_t port = 80,
             Origin origin = Origin::client) {
    return policy.vet({ip(text), port}, origin).has_value();
}

constexpr BlockSet kNothing{.multicast = false};

TEST(AddressClassTest, follows_the_documented_ranges) {
    struct Row {
        const char* address;
        AddressClass kind;
    };
    using enum AddressClass;
    static constexpr Row kRows[] = {
        {"0.0.0.0", unspecified},
        {"0.255.255.255", unspecified},
        {"1.0.0.0", global},
        {"127.0.0.1", loopback},
        {"127.255.255.255", loopback},
        {"128.0.0.0", global},
        {"10.0.0.0", local},
        {"11.0.0.0", global},
        {"172.15.255.255", global},
        {"172.16.0.0", local},
        {"172.31.255.255", local},
        {"172.32.0.0", global},
        {"192.168.1.1", local},
        {"192.169.0.0", global},
        {"192.0.0.8", local},
        {"192.0.1.0", global},
        {"169.254.169.254", local},
        {"100.63.255.255", global},
        {"100.64.0.0", local},
        {"100.127.255.255", local},
        {"100.128.0.0", global},
        {"223.255.255.255", global},
        {"224.0.0.1", multicast},
        {"239.255.255.255", multicast},
        {"240.0.0.1", global},
        {"255.255.255.254", global},
        {"255.255.255.255", multicast},
        {"::", unspecified},
        {"::1", loopback},
        {"fe80::1", local},
        {"febf::1", local},
        {"fec0::1", local},
        {"feff::1", local},
        {"fc00::1", local},
        {"fdff::1", local},
        {"ff02::1", multicast},
        {"2001:db8::1", global},
        {"2606:4700::1111", global},
        {"::ffff:127.0.0.1", loopback},
        {"::ffff:8.8.8.8", global},
        {"::ffff:10.1.2.3", local},
    };
    for (const Row& row : kRows) EXPECT_EQ(classify(ip(row.address)), row.kind) << row.address;
}

TEST(AddressClassTest, finds_the_ipv4_address_inside) {
    EXPECT_EQ(embedded_ipv4(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
    EXPECT_EQ(embedded_ipv4(ip("::10.0.0.1")), ip("10.0.0.1"));
    EXPECT_EQ(embedded_ipv4(ip("64:ff9b::10.0.0.1")), ip("10.0.0.1"));
    EXPECT_EQ(embedded_ipv4(ip("2002:a00:1::1")), ip("10.0.0.1"));
    EXPECT_EQ(embedded_ipv4(ip("::1")), std::nullopt);
    EXPECT_EQ(embedded_ipv4(ip("::")), std::nullopt);
    EXPECT_EQ(embedded_ipv4(ip("64:ff9b:1::10.0.0.1")), std::nullopt);
    EXPECT_EQ(embedded_ipv4(ip("10.0.0.1")), std::nullopt);
}

TEST(EgressPolicyTest, blocks_multicast_and_this_host_by_default) {
    const EgressPolicy policy{BlockSet()};
    EXPECT_TRUE(allowed(policy, "127.0.0.1"));
    EXPECT_TRUE(allowed(policy, "192.168.0.1"));
    EXPECT_TRUE(allowed(policy, "8.8.8.8"));
    for (const char* refused :
         {"224.0.0.1", "255.255.255.255", "ff02::1", "0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0",
          "::0.0.0.5", "64:ff9b::0.0.0.0", "2002:e000:1::"})
        EXPECT_FALSE(allowed(policy, refused)) << refused;
}

TEST(EgressPolicyTest, refuses_the_unspecified_address_to_everyone) {
    const EgressPolicy policy(kNothing);
    for (const Origin origin : {Origin::client, Origin::operator_}) {
        EXPECT_FALSE(allowed(policy, "0.0.0.0", 80, origin));
        EXPECT_FALSE(allowed(policy, "::", 80, origin));
        EXPECT_FALSE(allowed(policy, "::ffff:0:0", 80, origin));
    }
}

// Whoever reads the log is to look for the right remedy.
TEST(EgressPolicyTest, tells_what_is_blocked_from_what_is_no_address) {
    const EgressPolicy policy(BlockSet{.loopback = true});
    struct Row {
        const char* address;
        EgressPolicy::Refusal refusal;
    };
    static constexpr Row kRows[] = {
        {"127.0.0.1", EgressPolicy::Refusal::blocked},
        {"64:ff9b::127.0.0.1", EgressPolicy::Refusal::blocked},
        {"0.0.0.0", EgressPolicy::Refusal::unspecified},
        {"::", EgressPolicy::Refusal::unspecified},
        {"::ffff:0.1.2.3", EgressPolicy::Refusal::unspecified},
        {"64:ff9b::0.0.0.0", EgressPolicy::Refusal::unspecified},
    };
    for (const Row& row : kRows) {
        const auto vetted = policy.vet({ip(row.address), 80}, Origin::client);
        ASSERT_FALSE(vetted) << row.address;
        EXPECT_EQ(vetted.error(), row.refusal) << row.address;
    }
}

TEST(EgressPolicyTest, judges_both_faces_of_an_address) {
    const EgressPolicy no_loopback(BlockSet{.loopback = true});
    for (const char* refused : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1",
                                "64:ff9b::127.0.0.1", "2002:7f00:1::1"})
        EXPECT_FALSE(allowed(no_loopback, refused)) << refused;
    EXPECT_TRUE(allowed(no_loopback, "64:ff9b::8.8.8.8"));

    const EgressPolicy no_local(BlockSet{.local = true});
    for (const char* refused : {"10.0.0.1", "100.64.0.1", "169.254.169.254", "fd00::1", "fe80::1",
                                "64:ff9b::192.168.1.1", "2002:c0a8:101::"})
        EXPECT_FALSE(allowed(no_local, refused)) << refused;

    // The outer address is global although the inner is not.
    const EgressPolicy no_global(BlockSet{.global = true});
    EXPECT_FALSE(allowed(no_global, "64:ff9b::10.0.0.1"));
    EXPECT_FALSE(allowed(no_global, "::ffff:8.8.8.8"));
    EXPECT_TRUE(allowed(no_global, "::ffff:10.0.0.1"));
}

TEST(EgressPolicyTest, blocks_what_an_operator_names_as_well) {
    const EgressPolicy policy(BlockSet{.local = true});
    EXPECT_FALSE(allowed(policy, "10.0.0.1", 80, Origin::operator_));
}

TEST(EgressPolicyTest, unwraps_a_mapped_address) {
    const EgressPolicy policy{BlockSet()};
    const auto vetted = policy.vet({ip("::ffff:8.8.4.4"), 53}, Origin::client);
    ASSERT_TRUE(vetted);
    EXPECT_EQ(vetted->endpoint(), (Endpoint{ip("8.8.4.4"), 53}));
}

TEST(EgressPolicyTest, keeps_clients_from_a_listener_bound_to_one_address) {
    EgressPolicy policy(kNothing);
    policy.add_own_listener({ip("127.0.0.1"), 1080});
    const auto refused = policy.vet({ip("::ffff:127.0.0.1"), 1080}, Origin::client);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), EgressPolicy::Refusal::own_listener);
    EXPECT_FALSE(allowed(policy, "127.0.0.1", 1080));
    EXPECT_TRUE(allowed(policy, "127.0.0.1", 1081));
    EXPECT_TRUE(allowed(policy, "127.0.0.2", 1080));
    EXPECT_TRUE(allowed(policy, "::1", 1080));
    // An operator may: that is how rules reach the API.
    EXPECT_TRUE(allowed(policy, "127.0.0.1", 1080, Origin::operator_));
}

TEST(EgressPolicyTest, keeps_clients_from_a_wildcard_listener_on_every_local_address) {
    for (const char* wildcard : {"0.0.0.0", "::"}) {
        EgressPolicy policy(kNothing);
        policy.add_own_listener({ip(wildcard), 1080});
        for (const char* refused : {"127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1",
                                    "::ffff:127.8.8.8", "::127.0.0.1", "64:ff9b::127.0.0.1"})
            EXPECT_FALSE(allowed(policy, refused, 1080)) << refused << " on " << wildcard;
        EXPECT_TRUE(allowed(policy, "127.0.0.1", 1081)) << wildcard;
        // TEST-NET-3: nobody's.
        EXPECT_TRUE(allowed(policy, "203.0.113.77", 1080)) << wildcard;
        EXPECT_TRUE(allowed(policy, "127.0.0.1", 1080, Origin::operator_)) << wildcard;
    }
    EgressPolicy dual(kNothing);
    dual.add_own_listener({ip("::"), 1080});
    EXPECT_FALSE(allowed(dual, "::1", 1080));
    EgressPolicy v4_only(kNothing);
    v4_only.add_own_listener({ip("0.0.0.0"), 1080});
    EXPECT_TRUE(allowed(v4_only, "::1", 1080));
}

TEST(LocalAddressTest, tells_this_host_from_others) {
    EXPECT_TRUE(is_local_address(ip("127.0.0.1")));
    EXPECT_TRUE(is_local_address(ip("127.200.0.1")));
    EXPECT_TRUE(is_local_address(ip("::1")));
    EXPECT_FALSE(is_local_address(ip("203.0.113.77")));
    EXPECT_FALSE(is_local_address(ip("2001:db8::77")));
}

}  // namespace
}  // namespace neosocksd::net
