// Whether options that were read one by one also make sense together.
//
// Runs after the log level and output are set from the same options: what it finds is subject to
// --loglevel. Pure, as parse() is; nothing is resolved or opened.

#pragma once

#include <string_view>
#include <vector>

#include "app/options.h"

namespace neosocksd::app {

// Messages to log, in order; `program` is argv[0]. If one of them is_fatal(), exit with status 1.
// Otherwise the forward address, if any, is one that UnixAddress::parse() or HostPort::parse()
// accepts, and listen addresses have a colon and a sane length.
std::vector<Message> check(const Options& options, std::string_view program);

bool is_fatal(const std::vector<Message>& messages);

}  // namespace neosocksd::app
