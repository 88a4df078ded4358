#include "net/system_random.hpp"

#include <openssl/rand.h>

#include "chuantou/error.hpp"

namespace chuantou::net {

void SystemRandom::fill(std::span<std::uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) throw Error{Errc::system_error, "the random generator"};
}

}  // namespace chuantou::net
