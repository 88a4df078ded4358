// Turns whatever a program's work throws into a sentence on stderr and an exit code.
#pragma once

#include <functional>

#include "chuantou/error.hpp"

namespace chuantou::apps {

/// `language` is read when something has gone wrong: the work may still find out which it is.
int guarded(const Language& language, const std::function<int()>& work) noexcept;

}  // namespace chuantou::apps
