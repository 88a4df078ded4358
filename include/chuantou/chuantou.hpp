// Everything: Server, Client, createProxy, Stream, NatDetector, errors.
#pragma once

#include "chuantou/client.hpp"
#include "chuantou/error.hpp"
#include "chuantou/log.hpp"
#include "chuantou/nat_detector.hpp"
#include "chuantou/proxy.hpp"
#include "chuantou/server.hpp"
#include "chuantou/stream.hpp"
#include "chuantou/transport.hpp"
#include "chuantou/version.hpp"
