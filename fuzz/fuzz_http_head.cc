// HeadReader must find the same end from any segmentation, and what the parse functions return must
// lie inside the head and hold no line ends.
// Input: seed of the segmentation, then the bytes.

#include "proto/http_head.h"

#include <string>

#include "support.h"

using namespace neosocksd;
using namespace neosocksd::proto;
using fuzz::require;

namespace {

void check_part(std::string_view head, std::string_view part) {
    require(part.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    if (part.empty()) return;
    require(part.data() >= head.data());
    require(part.data() + part.size() <= head.data() + head.size());
}

void check_fields(std::string_view head, const Fields& fields) {
    for (const Field& field : fields) {
        check_part(head, field.name);
        check_part(head, field.value);
        require(fields.count(field.name) >= 1 && fields.find(field.name).has_value());
    }
}

void check_head(std::string_view head) {
    if (const auto request = parse_request_head(head)) {
        check_part(head, request->method);
        check_part(head, request->target);
        check_part(head, request->version);
        check_fields(head, request->fields);
    }
    const auto status_line = parse_status_line(head);
    if (const auto response = parse_response_head(head)) {
        require(status_line && status_line->status == response->status);
        require(response->status >= 100 && response->status <= 999);
        check_part(head, response->reason);
        check_fields(head, response->fields);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using Status = HeadReader::Status;
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.take_octet();
    const std::string_view bytes = input.rest();

    HeadReader whole;
    const Status status = whole.read(bytes);
    HeadReader pieces;
    Status piecewise = Status::need_bytes;
    std::size_t received = 0;
    fuzz::cut(bytes, seed, [&](std::string_view piece) {
        received += piece.size();
        if (piecewise == Status::need_bytes) piecewise = pieces.read(bytes.substr(0, received));
    });
    require(piecewise == status);
    if (status == Status::complete) {
        require(pieces.size() == whole.size() && whole.size() <= limits::kHttpHeadBytes);
        check_head(bytes.substr(0, whole.size()));
    }
    // The parse functions must also survive text that no reader has seen.
    parse_request_head(bytes);
    parse_response_head(bytes);
    return 0;
}
