// Sets from text files, plain or compressed with gzip: one entry a line (list_entry.h), '#' starts
// a comment, blanks around an entry and blank lines do not count. Errors name the file and the
// line, and what stands there: "cn.txt:17: invalid subnet "10.0.0.1/8"".
//
// A file of a million lines takes some tenths of a second, during which the caller waits.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "ruleset/list_entry.h"

namespace neosocksd::ruleset {

// Takes an entry, or says what is wrong with it.
using EntrySink = std::function<Parsed<void>(std::string_view entry)>;

// Cuts bytes, which come in pieces, into entries. Errors begin with the number of the line.
class ListLines {
public:
    explicit ListLines(EntrySink sink) : sink_(std::move(sink)) {}

    Parsed<void> feed(std::string_view bytes);
    // The last line need not have an end.
    Parsed<void> finish();

private:
    Parsed<void> take_line(std::string_view line);

    EntrySink sink_;
    std::string partial_;  // of a line whose end has not come
    std::size_t line_ = 0;
};

Parsed<void> read_list_file(const std::string& path, const EntrySink& sink);

Parsed<DomainSet> load_domain_file(const std::string& path);
// Files of subnets may hold IPv4 and IPv6: each takes its own, all are checked.
Parsed<PrefixSet4> load_subnet_file(const std::string& path);
Parsed<PrefixSet6> load_subnet6_file(const std::string& path);

// The sinks of the above.
EntrySink domain_sink(DomainSet::Builder& builder);
EntrySink subnet_sink(PrefixSet4& set);
EntrySink subnet_sink(PrefixSet6& set);

}  // namespace neosocksd::ruleset
