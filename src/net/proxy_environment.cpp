#include "net/proxy_environment.hpp"

#include <cstdlib>

namespace chuantou::net {

namespace {
std::string variable(const char* lower, const char* upper) {
  const char* value = std::getenv(lower);
  if ((!value || *value == '\0') && upper) value = std::getenv(upper);
  return value ? value : "";
}
}  // namespace

ProxyEnvironment readProxyEnvironment() {
  return {variable("http_proxy", nullptr), variable("https_proxy", "HTTPS_PROXY"), variable("all_proxy", "ALL_PROXY"),
          variable("no_proxy", "NO_PROXY")};
}

}  // namespace chuantou::net
