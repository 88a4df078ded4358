#include "rivals.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <fstream>

namespace chuantou::bench {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kLimit{20};

std::string need(const std::string& program, std::string_view package) {
  const fs::path found = findProgram(program);
  if (found.empty()) throw Failure(fmt::format("{} is not installed (Debian: apt install {})", program, package));
  return found;
}

fs::path writeFile(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);  // ssh insists
  return path;
}

std::string local(Port port) { return fmt::format("127.0.0.1:{}", number(port)); }

// nginx with its stream module, which distributions ship as a file of its own.
Recipe nginxRecipe() {
  const std::string nginx = need("nginx", "nginx libnginx-mod-stream");
  std::string load;
  for (const char* folder : {"/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules"})
    if (const fs::path module = fs::path(folder) / "ngx_stream_module.so"; fs::exists(module))
      load = fmt::format("load_module {};", module.string());
  return {
      "nginx", "nginx stream", [nginx, load](const Target& target, const fs::path& folder) {
        System system;
        system.tcp = freePort();
        system.udp = freePort();
        const fs::path config =
            writeFile(folder / "nginx.conf",
                      fmt::format("{}\n"
                                  "daemon off; pid {}/pid; error_log stderr error; {}\n"
                                  "worker_processes auto; worker_rlimit_nofile 16384;\n"
                                  "events {{ worker_connections 8192; }}\n"
                                  "stream {{\n"
                                  "  server {{ listen {}; proxy_pass {}; proxy_timeout 1h; tcp_nodelay on; }}\n"
                                  "  server {{ listen {} udp; proxy_pass {}; proxy_timeout 30s; }}\n"
                                  "}}\n",
                                  load, folder.string(), ::geteuid() == 0 ? "user root;" : "", local(system.tcp),
                                  local(target.tcp), local(*system.udp), local(target.udp)));
        Process& process = system.processes.emplace_back(Command{nginx, "-e", "stderr", "-c", config}, folder, "nginx");
        process.awaitTcp(system.tcp, after(kLimit));
        return system;
      }};
}

Recipe haproxyRecipe() {
  const std::string haproxy = need("haproxy", "haproxy");
  return {"haproxy", "haproxy", [haproxy](const Target& target, const fs::path& folder) {
            System system;
            system.tcp = freePort();
            const fs::path config =
                writeFile(folder / "haproxy.cfg", fmt::format("global\n"
                                                              "  maxconn 6000\n"
                                                              "defaults\n"
                                                              "  mode tcp\n"
                                                              "  timeout connect 5s\n"
                                                              "  timeout client 1h\n"
                                                              "  timeout server 1h\n"
                                                              "  option splice-auto\n"
                                                              "listen bench\n"
                                                              "  bind {}\n"
                                                              "  server target {}\n",
                                                              local(system.tcp), local(target.tcp)));
            Process& process = system.processes.emplace_back(Command{haproxy, "-db", "-f", config}, folder, "haproxy");
            process.awaitTcp(system.tcp, after(kLimit));
            return system;
          }};
}

// A process for each connection.
Recipe socatRecipe() {
  const std::string socat = need("socat", "socat");
  return {
      "socat", "socat", [socat](const Target& target, const fs::path& folder) {
        System system;
        system.tcp = freePort();
        system.udp = freePort();
        Process& tcp = system.processes.emplace_back(
            Command{socat, "-b65536",
                    fmt::format("TCP-LISTEN:{},bind=127.0.0.1,reuseaddr,fork,backlog=1024,nodelay", number(system.tcp)),
                    fmt::format("TCP:{},nodelay", local(target.tcp))},
            folder, "socat-tcp");
        tcp.awaitTcp(system.tcp, after(kLimit));
        system.processes.emplace_back(
            Command{socat, "-T60", fmt::format("UDP-LISTEN:{},bind=127.0.0.1,reuseaddr,fork", number(*system.udp)),
                    fmt::format("UDP:{}", local(target.udp))},
            folder, "socat-udp");
        return system;
      }};
}

// ssh -R from the target's side and ssh -L from the user's, through one sshd: the same three hops as ours.
Recipe sshRecipe() {
  const std::string ssh = need("ssh", "openssh-client");
  const std::string sshd = need("sshd", "openssh-server");
  const std::string keygen = need("ssh-keygen", "openssh-client");
  return {"ssh", "ssh -R -L", [=](const Target& target, const fs::path& folder) {
            const Time deadline = after(kLimit);
            const passwd* user = ::getpwuid(::geteuid());
            if (!user) throw Failure("ssh: this user has no name to log in with");
            if (::geteuid() == 0) fs::create_directories("/run/sshd");  // sshd of root insists on it
            for (const char* key : {"host", "user"})
              Process({keygen, "-q", "-t", "ed25519", "-N", "", "-f", folder / key}, folder, "ssh-keygen")
                  .awaitSuccess(deadline);
            const Port server = freePort();
            const Port middle = freePort();
            System system;
            system.tcp = freePort();
            const fs::path config =
                writeFile(folder / "sshd.conf", fmt::format("Port {}\n"
                                                            "ListenAddress 127.0.0.1\n"
                                                            "HostKey {}/host\n"
                                                            "AuthorizedKeysFile {}/user.pub\n"
                                                            "PidFile none\n"
                                                            "UsePAM no\n"
                                                            "StrictModes no\n"
                                                            "PermitRootLogin yes\n"
                                                            "AllowTcpForwarding yes\n"
                                                            "LogLevel ERROR\n",
                                                            number(server), folder.string(), folder.string()));
            Process& daemon = system.processes.emplace_back(Command{sshd, "-D", "-e", "-f", config}, folder, "sshd");
            daemon.awaitTcp(server, deadline);

            const auto forward = [&](const char* flag, Port from, Port to) {
              Command command{ssh, "-N", "-F", "none", "-i", folder / "user", "-p", std::to_string(number(server))};
              for (const char* option : {"StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                                         "ExitOnForwardFailure=yes", "LogLevel=ERROR", "BatchMode=yes"})
                command.insert(command.end(), {"-o", option});
              command.insert(command.end(), {flag, fmt::format("{}:{}", local(from), local(to)),
                                             fmt::format("{}@127.0.0.1", user->pw_name)});
              Process& process = system.processes.emplace_back(command, folder, fmt::format("ssh{}", flag));
              process.awaitTcp(from, deadline);
            };
            forward("-R", middle, target.tcp);
            forward("-L", system.tcp, middle);
            return system;
          }};
}

}  // namespace

const std::vector<std::string_view>& rivalNames() {
  static const std::vector<std::string_view> names{"ssh", "nginx", "haproxy", "socat"};
  return names;
}

Recipe rivalRecipe(std::string_view name) {
  if (name == "ssh") return sshRecipe();
  if (name == "nginx") return nginxRecipe();
  if (name == "haproxy") return haproxyRecipe();
  if (name == "socat") return socatRecipe();
  throw Failure(fmt::format("there is no rival '{}'; there are ssh, nginx, haproxy, socat", name));
}

}  // namespace chuantou::bench
