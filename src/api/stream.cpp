#include "chuantou/stream.hpp"

#include "chuantou/error.hpp"
#include "engine/client/stream_impl.hpp"

namespace chuantou {

namespace {
[[noreturn]] void throwEmpty() { throw Error{Errc::not_running, "an empty stream"}; }
}  // namespace

std::size_t Stream::read(void* data, std::size_t size, Duration deadline) {
  if (!impl_) throwEmpty();
  return impl_->read(data, size, deadline);
}
void Stream::write(const void* data, std::size_t size, Duration deadline) {
  if (!impl_) throwEmpty();
  impl_->write(data, size, deadline);
}
void Stream::asyncRead(void* data, std::size_t size, Callback done) {
  if (!impl_) return done(Errc::not_running, 0);
  impl_->asyncRead(data, size, std::move(done));
}
void Stream::asyncWrite(const void* data, std::size_t size, Callback done) {
  if (!impl_) return done(Errc::not_running, 0);
  impl_->asyncWrite(data, size, std::move(done));
}
void Stream::shutdown() {
  if (impl_) impl_->shutdown();
}
void Stream::close() noexcept {
  if (impl_) impl_->close();
}
bool Stream::isOpen() const noexcept { return impl_ && impl_->isOpen(); }
std::string Stream::peer() const { return impl_ ? impl_->peer() : std::string{}; }
std::uint16_t Stream::port() const noexcept { return impl_ ? impl_->port() : std::uint16_t{0}; }

}  // namespace chuantou
