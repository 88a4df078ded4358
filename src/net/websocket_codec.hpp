// WebSocket (RFC 6455) and the HTTP requests before it, without I/O: bytes in, events and bytes out.
// Built on websocketpp's processor layer; no type of it leaks from here.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace chuantou::net {

class WebSocketCodec {
 public:
  struct Event {
    enum class Kind {
      open,     ///< the handshake is done
      text,     ///< a message: `data`
      binary,   ///< a message that the control channel has no use for
      control,  ///< a ping (answered already) or a pong
      request,  ///< server only: a whole HTTP request that is no upgrade; answer with respond()
      closed,   ///< no more will come; `data` says why, `code` is the close code (RFC 6455, section 7.4) or 0
    };
    Kind kind = Kind::closed;
    std::string data;
    int code = 0;
    HttpRequest request;
  };

  /// The side that waits for a request.
  static WebSocketCodec server(std::size_t maxMessage);
  /// The side that asks; `authority` is "host:port". Its request is in output() at once.
  static WebSocketCodec client(std::string_view authority, std::string_view path, std::size_t maxMessage);

  WebSocketCodec(WebSocketCodec&&) noexcept;
  WebSocketCodec& operator=(WebSocketCodec&&) noexcept;
  ~WebSocketCodec();

  /// Bytes from the wire; they are changed in place (unmasked).
  void feed(std::span<std::uint8_t> bytes);
  /// False when there is no event.
  bool next(Event& event);
  /// Bytes for the wire; the caller takes them out.
  std::string& output();

  void sendText(std::string_view text);
  /// Begins the closing handshake; nothing can be sent after it.
  void close(int code, std::string_view reason);
  /// Server only, after a `request` event; the connection is to be closed after its output.
  void respond(const HttpResponse& response);
  /// Nothing more will be read or written.
  bool finished() const noexcept;

  static constexpr std::size_t kMaxHead = 8192;

 private:
  struct Impl;
  explicit WebSocketCodec(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chuantou::net
