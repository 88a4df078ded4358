#include <unistd.h>

#include "ctc/commands.hpp"
#include "daemon/data_dir.hpp"
#include "daemon/failure.hpp"
#include "daemon/identity_file.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"
#include "daemon/table.hpp"

namespace chuantou::apps {

namespace {

using daemon::Phrase;
using daemon::say;

constexpr const char* kStandardStream = "-";

constexpr Phrase kKey{"key", "密钥"};
constexpr Phrase kFile{"file", "文件"};
constexpr Phrase kNoIdentity{"there is no identity at {0} yet; ctc run makes one, ctc identity import brings one",
                             "{0} 还没有身份；ctc run 会创建，ctc identity import 可以导入"};
constexpr Phrase kExported{"{0} is in {1}; whoever has this file is this client",
                           "{0} 已导出到 {1}；持有该文件者即为本客户端"};
constexpr Phrase kImported{"this client is {0} from now on", "本客户端的身份现为 {0}"};

std::string dataDirOf(const ClientOptions& options) {
  std::string path = options.dataDir.empty() ? daemon::defaultDataDir("ctc", options.language) : options.dataDir;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string identityFileOf(const ClientOptions& options) {
  return dataDirOf(options) + "/" + daemon::kIdentityFileName;
}

crypto::Identity identityOf(const ClientOptions& options) {
  auto identity = daemon::readIdentity(identityFileOf(options), options.language);
  if (!identity) throw daemon::Failure{say(options.language, kNoIdentity, identityFileOf(options))};
  return *std::move(identity);
}

}  // namespace

int showIdentity(const ClientOptions& options) {
  const std::string key = identityOf(options).publicKey().str();
  const std::string file = identityFileOf(options);
  if (options.json) {
    daemon::JsonWriter json;
    json.field("key", key);
    json.field("file", file);
    daemon::printLine(json.finish());
  } else {
    daemon::printText(daemon::renderFields({{kKey.in(options.language), key}, {kFile.in(options.language), file}},
                                           daemon::wantsColour(STDOUT_FILENO)));
  }
  return daemon::kExitDone;
}

int exportIdentity(const ClientOptions& options) {
  const crypto::Identity identity = identityOf(options);
  if (options.file == kStandardStream) {
    daemon::printText(identity.pem());
    return daemon::kExitDone;
  }
  daemon::exportIdentity(identity, options.file, options.force, options.language);
  daemon::printLine(say(options.language, kExported, identity.publicKey().str(), options.file));
  return daemon::kExitDone;
}

int importIdentity(const ClientOptions& options) {
  const std::string file = options.file == kStandardStream ? "/dev/stdin" : options.file;
  const auto identity = daemon::readIdentity(file, options.language);
  if (!identity) {
    const std::string why = std::make_error_code(std::errc::no_such_file_or_directory).message();
    throw daemon::Failure{say(options.language, daemon::kCannotRead, file, why)};
  }
  daemon::importIdentity(*identity, dataDirOf(options), options.force, options.language);
  daemon::printLine(say(options.language, kImported, identity->publicKey().str()));
  return daemon::kExitDone;
}

}  // namespace chuantou::apps
