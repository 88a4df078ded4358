#include "net/system_random.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "chuantou/error.hpp"

namespace chuantou::net {

void SystemRandom::fill(std::span<std::uint8_t> out) {
  if (out.size() > left_) {
    const bool large = out.size() > store_.size();
    const auto target = large ? out : std::span<std::uint8_t>{store_};
    if (RAND_bytes(target.data(), static_cast<int>(target.size())) != 1) throw Error{Errc::system_error, "the random generator"};
    if (large) return;
    left_ = store_.size();
  }
  std::uint8_t* from = store_.data() + left_ - out.size();
  std::copy_n(from, out.size(), out.data());
  OPENSSL_cleanse(from, out.size());
  left_ -= out.size();
}

}  // namespace chuantou::net
