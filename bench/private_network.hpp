#pragma once

namespace chuantou::bench {

// Moves this process, and all that it will start, into a network of its own with nothing but 127.0.0.1. No other
// program takes our ports there, and the range of outgoing ports can be widened: the usual one is used up, by
// connections in TIME_WAIT, at about 14,000 new connections a second. Works for root, and for users where the system
// lets them make user namespaces. False: we stay where we are.
bool enterPrivateNetwork();

}  // namespace chuantou::bench
