#pragma once

#include <cstdint>
#include <string>

#include "socket.hpp"

namespace chuantou::bench {

// Empty when all is right, else what is wrong.
using Complaint = std::string;

// `length` known bytes up and as many others down, every one compared, then a clean end.
Complaint checkBytes(Port at, std::uint64_t length);
// The same, where the service answers only after the client has ended its own direction.
Complaint checkHalfClose(Port at, std::uint64_t length);
// Datagrams of 5 to 1400 bytes come back whole and unchanged; one in a hundred may be lost.
Complaint checkDatagrams(Port at);

}  // namespace chuantou::bench
