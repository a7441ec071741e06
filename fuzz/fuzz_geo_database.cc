// A damaged MaxMind database: one that is right but for some bytes that the input changes, or the
// input itself. It is refused, or it answers or says that it is damaged; and never twice different.
// Input: kind, then changes as offset (2), octet; or, for odd kinds, the file.

#include <array>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "ruleset/geo_database.h"
#include "ruleset/mmdb_fixture.h"
#include "support.h"

using namespace neosocksd;
using namespace neosocksd::ruleset;
using fuzz::require;

namespace {

std::string sound_database(std::uint8_t kind) {
    mmdb::Writer writer((kind & 2) != 0 ? 4 : 6);
    writer.add("192.0.2.0/24", mmdb::country("DE"));
    writer.add("198.51.100.0/28", mmdb::asn(64500));
    writer.add("203.0.113.7/32", mmdb::country("FR", "registered_country"));
    if ((kind & 2) == 0) writer.add("2001:db8::/32", mmdb::asn(4200000000));
    return writer.bytes();
}

// The file as a path, without a disk.
class MemoryFile {
public:
    explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("mmdb", MFD_CLOEXEC)) {
        require(fd_ >= 0);
        require(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { ::close(fd_); }
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_;
};

void look_up(const GeoDatabase& database) {
    for (const char* text : {"192.0.2.1", "198.51.100.3", "203.0.113.7", "0.0.0.0", "127.0.0.1",
                             "2001:db8::1", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
        const IpAddress address = *IpAddress::parse(text);
        const auto country = database.country(address);
        const auto asn = database.asn(address);
        require(database.country(address) == country && database.asn(address) == asn);
        if (!country) require(!country.error().empty());
        if (!asn) require(!asn.error().empty());
    }
}

}  // namespace

// The library (1.7.1) forgets some memory when it refuses a file for its metadata: once for a bad
// file that an operator names, and nothing that we could free.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libmaxminddb";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t kind = input.take_octet();
    std::string bytes = (kind & 1) != 0 ? std::string(input.rest()) : sound_database(kind);
    while ((kind & 1) == 0 && !input.rest().empty()) {
        const std::size_t offset = input.take_octet() * 256u + input.take_octet();
        bytes[offset % bytes.size()] = static_cast<char>(input.take_octet());
    }
    const MemoryFile file(bytes);
    const auto database = GeoDatabase::open(file.path());
    if (!database)
        require(!database.error().empty());
    else
        look_up(**database);
    return 0;
}
