// A NAT report as JSON: what `ctc netcheck --json` prints and the admin API answers.
#pragma once

#include <string>

#include "chuantou/nat_detector.hpp"

namespace chuantou::daemon {

/// The language is that of "direct" and "words", which are for people; "words" is what `ctc netcheck` prints.
std::string natReportJson(const NatReport& report, Language language);

}  // namespace chuantou::daemon
