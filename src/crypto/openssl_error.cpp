#include "crypto/openssl_error.hpp"

#include <openssl/err.h>

namespace chuantou::crypto {

std::string takeOpensslReason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "";
}

Error opensslError(const char* operation) { return Error{Errc::system_error, operation, takeOpensslReason()}; }

void clearOpensslErrors() noexcept { ERR_clear_error(); }

}  // namespace chuantou::crypto
