// What the API's answers look like to a reader: failures as sentences, JSON as lines and tables.
// Pure: answers in, text out.

#pragma once

#include <string>
#include <string_view>

#include "ctl/answer_reader.h"
#include "ctl/json_value.h"
#include "ctl/table.h"

namespace neosocksd::ctl {

// Why an answer is none of those hoped for. `path` is that of the request.
std::string failure_text(const Answer& answer, std::string_view path, bool with_token);

// "Verdict             : connect" and so on, for the answer of /ruleset/explain.
std::string explain_report(const JsonValue& answer);

// A table for sessions as /sessions has them; each is added by add_session().
Table session_table();
void add_session(Table& table, const JsonValue& session);

// Numbers of the API in the units of /stats.
std::string bytes_text(const JsonValue& bytes);
std::string seconds_text(double seconds);
// "1.50MiB/s"; nothing for a session that stands still.
std::string rate_text(double bytes_per_second);

}  // namespace neosocksd::ctl
