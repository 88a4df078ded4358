#include "net/websocket_codec.hpp"

#include <algorithm>
#include <deque>

#include "base/utf8.hpp"
#include "net/websocketpp_config.hpp"

namespace chuantou::net {

namespace wpp = websocketpp;
namespace opcode = websocketpp::frame::opcode;
namespace status = websocketpp::http::status_code;

namespace {

ws::Config::rng_type& maskSource() {
  thread_local ws::Config::rng_type source;
  return source;
}
ws::Config::con_msg_manager_type::ptr& messages() {
  thread_local auto manager = std::make_shared<ws::Config::con_msg_manager_type>();
  return manager;
}

const char* reasonPhrase(int code) {
  switch (code) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 426: return "Upgrade Required";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return code < 500 ? "Error" : "Internal Server Error";
  }
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Percent-decodes; false for a broken escape or a control character.
bool decodePath(std::string_view in, std::string& out) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    char c = in[i];
    if (c == '%') {
      if (i + 2 >= in.size() || !std::isxdigit(static_cast<unsigned char>(in[i + 1])) ||
          !std::isxdigit(static_cast<unsigned char>(in[i + 2]))) {
        return false;
      }
      c = static_cast<char>(std::stoi(std::string{in.substr(i + 1, 2)}, nullptr, 16));
      i += 2;
    }
    if (static_cast<unsigned char>(c) < ' ') return false;
    out += c;
  }
  return true;
}

}  // namespace

struct WebSocketCodec::Impl {
  enum class Stage { handshake, open, awaitingResponse, finished };

  // What only the handshake needs, so that an idle connection does not hold it.
  struct Handshake {
    ws::Config::request_type request;
    ws::Config::response_type response;
    std::size_t bytes = 0;
  };

  bool isServer;
  Stage stage = Stage::handshake;
  bool closeSent = false;
  bool bodyWanted = true;  ///< not by HEAD (RFC 9110, section 9.3.2)
  wpp::processor::hybi13<ws::Config> processor;
  std::unique_ptr<Handshake> handshake = std::make_unique<Handshake>();
  std::string out;
  std::deque<Event> events;

  Impl(bool server, std::size_t maxMessage) : isServer(server), processor(false, server, messages(), maskSource()) {
    processor.set_max_message_size(maxMessage);
  }

  void push(Event::Kind kind, std::string data = {}, int code = 0) {
    Event event;
    event.kind = kind;
    event.data = std::move(data);
    event.code = code;
    events.push_back(std::move(event));
  }

  void end(int code, std::string why) {
    if (stage == Stage::finished) return;
    stage = Stage::finished;
    handshake.reset();
    push(Event::Kind::closed, std::move(why), code);
  }

  void frame(opcode::value type, std::string_view data) {
    auto in = messages()->get_message(type, data.size());
    auto message = messages()->get_message(type, data.size());
    in->set_payload(data.data(), data.size());
    if (processor.prepare_data_frame(in, message)) return;
    out += message->get_header();
    out += message->get_payload();
  }

  void sendClose(int code, const std::string& why) {
    if (closeSent || stage != Stage::open) return;
    closeSent = true;
    auto message = messages()->get_message();
    // A reason has at most 123 bytes (RFC 6455, section 5.5).
    if (processor.prepare_close(static_cast<wpp::close::status::value>(code), why.substr(0, 120), message)) return;
    out += message->get_header();
    out += message->get_payload();
  }

  void fail(int code, const std::string& why) {
    sendClose(code, why);
    end(code, why);
  }

  void refuse(int code) {
    writeResponse(HttpResponse{code, "text/plain", std::string{reasonPhrase(code)} + "\n"});
    end(code, reasonPhrase(code));
  }

  void writeResponse(const HttpResponse& response) {
    out += "HTTP/1.1 " + std::to_string(response.status) + " " + reasonPhrase(response.status) + "\r\n";
    out += "Content-Type: " + response.contentType + "\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\n";
    for (const auto& [name, value] : response.headers) out.append(name).append(": ").append(value).append("\r\n");
    out += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
    if (bodyWanted) out += response.body;
  }

  /// Takes the bytes of the handshake; returns how many of them it used.
  std::size_t shake(const char* bytes, std::size_t size) {
    try {
      return isServer ? shakeAsServer(bytes, size) : shakeAsClient(bytes, size);
    } catch (const wpp::http::exception& e) {
      if (isServer) {
        refuse(e.m_error_code == status::request_header_fields_too_large ? 431 : 400);
      } else {
        end(0, std::string{"no HTTP answer: "} + e.what());
      }
    } catch (const std::exception& e) {
      end(0, e.what());
    }
    return size;
  }

  std::size_t shakeAsServer(const char* bytes, std::size_t size) {
    Handshake& h = *handshake;
    h.request.set_max_body_size(kMaxHttpBody);
    const std::size_t used = h.request.consume(bytes, size);
    h.bytes += used;
    if (!h.request.ready()) {
      if (h.bytes > kMaxHead + kMaxHttpBody || (h.request.get_header("Host").empty() && h.bytes > kMaxHead)) refuse(431);
      return used;
    }
    if (!wpp::processor::is_websocket_handshake(h.request)) {
      deliverRequest();
      return used;
    }
    if (wpp::processor::get_websocket_version(h.request) != 13 || processor.validate_handshake(h.request)) {
      refuse(400);
      return used;
    }
    processor.negotiate_extensions(h.request);
    h.response.set_status(status::switching_protocols);
    h.response.set_version("HTTP/1.1");
    if (processor.process_handshake(h.request, "", h.response)) {
      refuse(400);
      return used;
    }
    out += processor.get_raw(h.response);
    opened();
    return used;
  }

  std::size_t shakeAsClient(const char* bytes, std::size_t size) {
    Handshake& h = *handshake;
    const std::size_t used = h.response.consume(bytes, size);
    h.bytes += used;
    if (!h.response.headers_ready()) {
      if (h.bytes > kMaxHead) end(0, "the answer is too long");
      return used;
    }
    if (const auto ec = processor.validate_server_handshake_response(h.request, h.response)) {
      end(0, "not a chuantou server (HTTP status " + std::to_string(h.response.get_status_code()) + ", " + ec.message() + ")");
      return used;
    }
    processor.negotiate_extensions(h.response);
    opened();
    return used;
  }

  void opened() {
    stage = Stage::open;
    handshake.reset();
    push(Event::Kind::open);
  }

  void deliverRequest() {
    const auto& request = handshake->request;
    Event event;
    event.kind = Event::Kind::request;
    event.request.method = request.get_method();
    bodyWanted = event.request.method != "HEAD";
    const std::string& uri = request.get_uri();
    const std::size_t mark = uri.find('?');
    if (!decodePath(std::string_view{uri}.substr(0, mark), event.request.path)) return refuse(400);
    if (mark != std::string::npos) event.request.query = uri.substr(mark + 1);
    for (const auto& [name, value] : request.get_headers()) event.request.headers[lower(name)] = value;
    event.request.body = request.get_body();
    stage = Stage::awaitingResponse;
    handshake.reset();
    events.push_back(std::move(event));
  }

  void feedFrames(std::uint8_t* bytes, std::size_t size) {
    while (size > 0 && stage == Stage::open) {
      wpp::lib::error_code ec;
      const std::size_t used = processor.consume(bytes, size, ec);
      bytes += used;
      size -= used;
      if (ec) return fail(wpp::processor::error::to_ws(ec), ec.message());
      if (processor.ready()) deliverMessage(processor.get_message());
    }
  }

  void deliverMessage(const ws::Config::message_type::ptr& message) {
    std::string& payload = message->get_raw_payload();
    switch (message->get_opcode()) {
      case opcode::text:
        // websocketpp lets a fragmented text end inside a character (RFC 6455, section 8.1).
        if (!isUtf8(payload)) return fail(wpp::close::status::invalid_payload, "a text that is not UTF-8");
        return push(Event::Kind::text, std::move(payload));
      case opcode::binary:
        return push(Event::Kind::binary);
      case opcode::ping: {
        auto pong = messages()->get_message();
        if (!closeSent && !processor.prepare_pong(payload, pong)) {
          out += pong->get_header();
          out += pong->get_payload();
        }
        return push(Event::Kind::control);
      }
      case opcode::pong:
        return push(Event::Kind::control);
      case opcode::close: {
        wpp::lib::error_code ec;
        const int code = wpp::close::extract_code(payload, ec);
        if (ec) return fail(wpp::close::status::protocol_error, "a close frame that is not valid");
        const std::string why = wpp::close::extract_reason(payload, ec);
        if (ec) return fail(wpp::close::status::invalid_payload, "a close reason that is not UTF-8");
        sendClose(code == wpp::close::status::no_status ? wpp::close::status::normal : code, "");
        return end(code, why);
      }
      default:
        return;
    }
  }
};

WebSocketCodec::WebSocketCodec(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebSocketCodec::WebSocketCodec(WebSocketCodec&&) noexcept = default;
WebSocketCodec& WebSocketCodec::operator=(WebSocketCodec&&) noexcept = default;
WebSocketCodec::~WebSocketCodec() = default;

WebSocketCodec WebSocketCodec::server(std::size_t maxMessage) {
  return WebSocketCodec{std::make_unique<Impl>(true, maxMessage)};
}

WebSocketCodec WebSocketCodec::client(std::string_view authority, std::string_view path, std::size_t maxMessage) {
  auto impl = std::make_unique<Impl>(false, maxMessage);
  const auto uri = std::make_shared<wpp::uri>("ws://" + std::string{authority} + std::string{path});
  impl->processor.client_handshake_request(impl->handshake->request, uri, {});
  impl->out = impl->handshake->request.raw();
  return WebSocketCodec{std::move(impl)};
}

void WebSocketCodec::feed(std::span<std::uint8_t> bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && impl_->stage == Impl::Stage::handshake) {
    const std::size_t n = impl_->shake(reinterpret_cast<const char*>(bytes.data()) + used, bytes.size() - used);
    if (n == 0 && impl_->stage == Impl::Stage::handshake) return impl_->end(0, "the handshake makes no progress");
    used += n;
  }
  if (impl_->stage == Impl::Stage::open) impl_->feedFrames(bytes.data() + used, bytes.size() - used);
}

bool WebSocketCodec::next(Event& event) {
  if (impl_->events.empty()) return false;
  event = std::move(impl_->events.front());
  impl_->events.pop_front();
  if (impl_->events.empty()) std::deque<Event>{}.swap(impl_->events);
  return true;
}

std::string& WebSocketCodec::output() { return impl_->out; }

void WebSocketCodec::sendText(std::string_view text) {
  if (impl_->stage == Impl::Stage::open && !impl_->closeSent) impl_->frame(opcode::text, text);
}

void WebSocketCodec::close(int code, std::string_view reason) { impl_->sendClose(code, std::string{reason}); }

void WebSocketCodec::respond(const HttpResponse& response) {
  if (impl_->stage != Impl::Stage::awaitingResponse) return;
  impl_->writeResponse(response);
  impl_->end(0, "answered");
}

bool WebSocketCodec::finished() const noexcept { return impl_->stage == Impl::Stage::finished; }

}  // namespace chuantou::net
