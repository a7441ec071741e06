// /metrics: the text exposition format of Prometheus, version 0.0.4. All names of later versions of
// neosocksd (spec/rest.md section 5), and more behind them: each worker's counters, outcomes by
// kind, histograms.

#pragma once

#include <string>
#include <string_view>

#include "api/figures.h"

namespace neosocksd::api {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_text(const Figures& figures);

}  // namespace neosocksd::api
