// websocketpp's processor layer, configured: no endpoint, logger, timer or extension. Included by one .cpp only.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
// clang-format off: the order is theirs
#include <websocketpp/common/platforms.hpp>
#include <websocketpp/common/cpp11.hpp>
#include <websocketpp/common/stdint.hpp>
#include <websocketpp/common/connection_hdl.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/random/random_device.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/processors/hybi13.hpp>
// clang-format on
#pragma GCC diagnostic pop

namespace chuantou::net::ws {

struct Config {
  using request_type = websocketpp::http::parser::request;
  using response_type = websocketpp::http::parser::response;
  using concurrency_type = websocketpp::concurrency::none;
  using message_type = websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
  using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
  using rng_type = websocketpp::random::random_device::int_generator<std::uint32_t, concurrency_type>;
  static const bool enable_extensions = false;
  static const std::size_t max_message_size = 1 << 20;
  struct permessage_deflate_config {
    using request_type = Config::request_type;
    static const bool allow_disabling_context_takeover = true;
    static const std::uint8_t minimum_outgoing_window_bits = 8;
  };
  using permessage_deflate_type = websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
};

}  // namespace chuantou::net::ws
