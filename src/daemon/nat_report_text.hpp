// A NAT report in plain words.
#pragma once

#include <string>

#include "chuantou/nat_detector.hpp"

namespace chuantou::daemon {

/// What it means for connections that do not go through a server: one or two sentences.
std::string directOutlook(const NatReport& report, Language language);
/// The whole report, for a terminal.
std::string natReportText(const NatReport& report, Language language, bool colour);

}  // namespace chuantou::daemon
