// OpenSSL's error queue, as errors of ours.
#pragma once

#include "chuantou/error.hpp"

namespace chuantou::crypto {

/// system_error with what OpenSSL says; empties its queue.
Error opensslError(const char* operation);
/// What was found wrong in somebody else's bytes is their error, and must not be found in the queue by the next call.
void clearOpensslErrors() noexcept;
/// The newest reason in the queue ("wrong version number"), which is emptied; "" where there is none.
std::string takeOpensslReason();

}  // namespace chuantou::crypto
