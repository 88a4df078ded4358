// The proxies that this process's environment names.
#pragma once

#include "base/proxy_url.hpp"

namespace chuantou::net {

/// Read anew at each call.
ProxyEnvironment readProxyEnvironment();

}  // namespace chuantou::net
