#pragma once

namespace chuantou {

/// The library's version, MAJOR.MINOR.PATCH.
const char* version() noexcept;
/// The control protocol's version that it speaks (docs/PROTOCOL.md).
inline constexpr int kProtocolVersion = 1;

}  // namespace chuantou
