// Secrets of this machine's admin API.
#pragma once

#include <string>
#include <string_view>

namespace chuantou::daemon {

/// 128 random bits as 32 hexadecimal digits. Throws std::runtime_error where the system has none.
std::string randomToken();
/// In a time that does not tell how much of it is right.
bool tokensEqual(std::string_view a, std::string_view b) noexcept;

}  // namespace chuantou::daemon
