#include "chuantou/version.hpp"

namespace chuantou {

const char* version() noexcept { return CHUANTOU_VERSION; }

}  // namespace chuantou
