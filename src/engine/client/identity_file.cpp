#include "engine/client/identity_file.hpp"

#include <system_error>

#include "net/state_file.hpp"

namespace chuantou::engine {

namespace {
constexpr std::size_t kMaxIdentityFile = 16 * 1024;
}

crypto::Identity openIdentity(const std::string& file) {
  if (file.empty()) return crypto::Identity::generate();
  try {
    if (const auto pem = net::readFile(file, kMaxIdentityFile)) {
      auto identity = crypto::Identity::fromPem(*pem);
      if (!identity) throw Error{Errc::bad_config, file, identity.error().detail()};
      return std::move(*identity);
    }
    auto made = crypto::Identity::generate();
    net::writeFileAtomically(file, made.pem());
    return made;
  } catch (const Error&) {
    throw;
  } catch (const std::system_error& error) {
    throw Error{Errc::bad_config, file, error.code().message()};
  }
}

}  // namespace chuantou::engine
