// A stream that this client has opened: it asks for carriers until one leads to the target, and again when that is lost.
#pragma once

#include "engine/client/carried_stream.hpp"
#include "engine/client/carrier_source.hpp"

namespace chuantou::engine {

class OutboundStream final : public CarriedStream, public OutboundCarrier::User {
 public:
  struct Options {
    Target target;
    Millis patience{};
    bool answerAtOnce = false;
    std::shared_ptr<CarrierSource> source;
  };
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void onStreamAnswered() {}
    /// Before an answer, or (the stream is lost) after it. The reader is woken as well.
    virtual void onStreamFailed(const Error& error) = 0;
  };

  static std::shared_ptr<OutboundStream> make(ClientContext& context, Options options, std::weak_ptr<Listener> listener);
  OutboundStream(ClientContext& context, Options options, std::weak_ptr<Listener> listener);

  /// Asks for the first carrier.
  void open();

  void onPlainReady(std::shared_ptr<OutboundCarrier>, net::TcpSocket) override {}  // never: a stream has encryption
  void onSecureReady(std::shared_ptr<OutboundCarrier> carrier) override;
  void onCarrierAnswer() override {}
  void onCarrierFailed(const Error& error) override;
  void onRegistered() override;
  void migrate() override;

 private:
  void ask();
  void onDetached() override;
  void onSilent() override;
  void onTickDetached(TimePoint now) override;
  void onAnswered() override;
  void onReject(const Frame& frame) override;
  void onOver() override;
  void fail(const Error& error);
  wire::OpenFrame openFrame() const;
  wire::ResumeFrame resumeFrame() const;

  Options options_;
  std::weak_ptr<Listener> listener_;
  TimePoint openedAt_{};  ///< when OPEN left for the first time
  TimePoint retryAt_{};
  Millis backoff_{};
  bool asking_ = false;
  bool migrating_ = false;  ///< what is asked for is the carrier to go over to, unless the present one is lost meanwhile
  std::optional<Error> lastFailure_;
};

}  // namespace chuantou::engine
