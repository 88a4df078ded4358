// A NAT report in plain words.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "chuantou/nat_detector.hpp"

namespace chuantou::daemon {

/// What it means for connections that do not go through a server: one or two sentences.
std::string directOutlook(const NatReport& report, Language language);
/// The whole report, each row with its title. The last one is what it means.
std::vector<std::pair<std::string, std::string>> natReportWords(const NatReport& report, Language language);
/// The same, for a terminal.
std::string natReportText(const NatReport& report, Language language, bool colour);

}  // namespace chuantou::daemon
