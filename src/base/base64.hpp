// Base64 (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

namespace chuantou {

std::string toBase64(std::string_view bytes);

}  // namespace chuantou
