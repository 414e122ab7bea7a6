#include "zc/wire/coding/sample.h"

#include <array>
#include <string_view>

namespace zc::coders {
namespace {

// splitmix64: small, and the same on every platform.
class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15u) {}
  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(next() % n); }
  template <class List>
  std::string_view one_of(const List& list) noexcept {
    // The front of the list comes up more often, as names do.
    const std::size_t a = below(list.size());
    const std::size_t b = below(list.size());
    return list[a < b ? a : b];
  }

 private:
  std::uint64_t state_;
};

constexpr std::array<std::string_view, 14> origin_names{
    "service.name", "service.version",     "service.namespace", "service.instance.id",
    "host.name",    "host.arch",           "os.type",           "process.pid",
    "k8s.pod.name", "k8s.namespace.name",  "k8s.node.name",     "k8s.deployment.name",
    "cloud.region", "container.image.name"};
constexpr std::array<std::string_view, 24> names{"http.request.method",
                                                 "http.response.status_code",
                                                 "url.path",
                                                 "url.scheme",
                                                 "server.address",
                                                 "server.port",
                                                 "user_agent.original",
                                                 "http.route",
                                                 "client.address",
                                                 "thread.name",
                                                 "db.system",
                                                 "db.statement",
                                                 "db.operation",
                                                 "network.protocol.version",
                                                 "error.type",
                                                 "rpc.service",
                                                 "rpc.method",
                                                 "messaging.system",
                                                 "messaging.destination.name",
                                                 "code.function",
                                                 "http.request.id",
                                                 "user.id",
                                                 "session.id",
                                                 "exception.message"};
constexpr std::array<std::string_view, 16> words{
    "GET",     "POST",      "/api/v1/orders", "/api/v1/users/profile",
    "https",   "checkout",  "postgresql",     "SELECT id, name FROM customers WHERE id = $1",
    "kafka",   "payments",  "frontend",       "PUT",
    "timeout", "eu-west-1", "production",     "Mozilla/5.0 (X11; Linux x86_64)"};
constexpr std::array<std::string_view, 10> sentences{"request completed in ",
                                                     "connection to upstream closed, retrying ",
                                                     "user logged in: ",
                                                     "cache miss for key ",
                                                     "failed to process message ",
                                                     "order created with id ",
                                                     "payment authorized for customer ",
                                                     "slow query took ",
                                                     "scheduled job finished: ",
                                                     "received event from partition "};

void put_varint(std::string& to, std::uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<char>(value));
}

void put_block(std::string& to, char tag, std::string_view content) {
  to.push_back(tag);
  put_varint(to, content.size());
  to.append(content);
}

void put_fixed(std::string& to, char tag, std::uint64_t value) {
  to.push_back(tag);
  for (int i = 0; i < 8; ++i) to.push_back(static_cast<char>(value >> (8 * i)));
}

std::string hex(dice& roll, std::size_t digits) {
  std::string text;
  while (text.size() < digits) text.push_back("0123456789abcdef"[roll.below(16)]);
  return text;
}

std::string binary(dice& roll, std::size_t size) {
  std::string id;
  while (id.size() < size) id.push_back(static_cast<char>(roll.next()));
  return id;
}

std::string some_text(dice& roll) {
  switch (roll.below(6)) {
    case 0:
      return hex(roll, 8) + "-" + hex(roll, 4) + "-4" + hex(roll, 3) + "-" + hex(roll, 12);
    case 1:
      return "10." + std::to_string(roll.below(4)) + "." + std::to_string(roll.below(256)) + "." +
             std::to_string(roll.below(256));
    case 2:
      return std::string(roll.one_of(words)) + "-" + std::to_string(roll.below(100));
    default:
      return std::string(roll.one_of(words));
  }
}

void put_pair(std::string& to, char tag, std::string_view name, dice& roll) {
  std::string value;
  if (roll.below(4) == 0) {
    value.push_back(0x18);
    put_varint(value, roll.below(3) == 0 ? 200 : roll.below(10000));
  } else {
    put_block(value, 0x0a, some_text(roll));
  }
  std::string pair;
  put_block(pair, 0x0a, name);
  put_block(pair, 0x12, value);
  put_block(to, tag, pair);
}

// A line of text with a time.
std::string text_record(dice& roll, std::uint64_t now) {
  std::string r;
  put_fixed(r, 0x09, now);
  r.push_back(0x10);
  r.push_back(roll.below(5) == 0 ? 17 : 9);
  put_block(r, 0x1a, roll.below(5) == 0 ? "ERROR" : "INFO");
  std::string body;
  put_block(body, 0x0a, std::string(roll.one_of(sentences)) + std::to_string(roll.below(100000)));
  put_block(r, 0x2a, body);
  for (std::size_t n = 3 + roll.below(5); n > 0; --n) put_pair(r, 0x32, roll.one_of(names), roll);
  put_block(r, 0x4a, binary(roll, 16));
  put_block(r, 0x52, binary(roll, 8));
  put_fixed(r, 0x59, now + roll.below(1000));
  return r;
}

// An interval with identifiers.
std::string timed_record(dice& roll, std::uint64_t now) {
  std::string r;
  put_block(r, 0x0a, binary(roll, 16));
  put_block(r, 0x12, binary(roll, 8));
  put_block(r, 0x22, binary(roll, 8));
  put_block(r, 0x2a, std::string(roll.one_of(words)));
  r.push_back(0x30);
  r.push_back(static_cast<char>(1 + roll.below(4)));
  put_fixed(r, 0x39, now);
  put_fixed(r, 0x41, now + roll.below(5'000'000));
  for (std::size_t n = 6 + roll.below(8); n > 0; --n) put_pair(r, 0x4a, roll.one_of(names), roll);
  return r;
}

// A number at a time.
std::string number_record(dice& roll, std::uint64_t now) {
  std::string r;
  put_fixed(r, 0x11, now - 60'000'000'000);
  put_fixed(r, 0x19, now);
  put_fixed(r, 0x31, roll.below(2) == 0 ? roll.below(5000) : 0x4059000000000000 + roll.below(64));
  for (std::size_t n = 2 + roll.below(4); n > 0; --n) put_pair(r, 0x3a, roll.one_of(names), roll);
  return r;
}

}  // namespace

std::string sample_body(std::uint64_t seed, std::size_t size) {
  dice roll(seed);
  std::string body;
  std::uint64_t now = 1'700'000'000'000'000'000 + seed * 1'000'000'007;
  std::string origin;
  for (std::string_view name : origin_names) put_pair(origin, 0x0a, name, roll);
  put_block(body, 0x0a, origin);
  const std::uint64_t shape = seed % 3;
  while (body.size() < size) {
    now += roll.below(3'000'000);
    const std::string record = shape == 0   ? text_record(roll, now)
                               : shape == 1 ? timed_record(roll, now)
                                            : number_record(roll, now);
    put_block(body, 0x12, record);
  }
  return body;
}

}  // namespace zc::coders
