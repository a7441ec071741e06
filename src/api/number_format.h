// Numbers as /stats prints them: the forms of 1.4.2, which scrapers know (spec/rest.md
// section 2.1). A value is rounded first; then its form is chosen, so that no 60 seconds appear.

#pragma once

#include <string>

#include "io/timer.h"

namespace neosocksd::api {

// "0", "2047KiB", "2.00MiB", "-2.99KiB": a unit is used from twice its size on.
std::string format_bytes(double bytes);
// "384", "12.3k", "1.2M": three digits.
std::string format_count(double count);
// "0", "9298ns", "22.41µs", "127.9µs", "3.973ms", "1329ms", "39.27s", "1:05.3", "12:07",
// "3:00:00", "2d03:04:05".
std::string format_duration(io::Duration duration);

}  // namespace neosocksd::api
