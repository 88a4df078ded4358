// Where a client's own key is kept.
#pragma once

#include <string>

#include "crypto/identity.hpp"

namespace chuantou::engine {

/// The key of the file, which is made where it is missing; without a file a new one. Throws Error(bad_config).
crypto::Identity openIdentity(const std::string& file);

}  // namespace chuantou::engine
