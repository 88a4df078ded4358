#include "chuantou/server.hpp"

#include "api/server_access.hpp"
#include "engine/server/server_engine.hpp"

namespace chuantou {

namespace detail {
class ServerImpl : public engine::ServerEngine {
 public:
  using ServerEngine::ServerEngine;
};

void ServerAccess::setHttpHandler(Server& server, net::HttpHandler handler) {
  server.impl_->setHttpHandler(std::move(handler));
}
}  // namespace detail

Server::Server(ServerConfig config) : impl_(std::make_shared<detail::ServerImpl>(std::move(config))) {}
Server::~Server() { impl_->stop(); }

void Server::start() { impl_->start(); }
void Server::stop() noexcept { impl_->stop(); }
std::uint16_t Server::port() const noexcept { return impl_->port(); }
std::vector<std::uint16_t> Server::extraPorts() const { return impl_->extraPorts(); }
std::string Server::host() const { return impl_->host(); }
std::vector<ServerClientInfo> Server::clients() const { return impl_->clients(); }
std::vector<ServerSessionInfo> Server::sessions(std::size_t limit) const { return impl_->sessions(limit); }
ServerStats Server::stats() const { return impl_->stats(); }
ServerCertificate Server::certificate() const { return impl_->certificate(); }
bool Server::kick(const std::string& clientId) { return impl_->kick(clientId); }
std::vector<TokenInfo> Server::tokens() const { return impl_->tokens(); }
std::string Server::addToken(const TokenOptions& options) { return impl_->addToken(options); }
bool Server::revokeToken(const std::string& name) { return impl_->revokeToken(name); }
std::string Server::rotateToken(bool disconnect) { return impl_->rotateToken(disconnect); }
std::string Server::madeToken() const { return impl_->madeToken(); }
bool Server::releaseName(const std::string& clientId) { return impl_->releaseName(clientId); }

}  // namespace chuantou
