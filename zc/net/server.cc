#include "zc/net/server.h"

#include <utility>

#include "zc/base/check.h"
#include "zc/net/memory_gate.h"
#include "zc/net/server_connection.h"

namespace zc::net {
namespace {

class listening_server final : public server,
                               private acceptor_events,
                               private turn_end_work,
                               private connection_home {
 public:
  listening_server(shard& on, const server_options& how, service& answers) noexcept
      : shard_(on), options_(how), answers_(answers), gate_(on, how.admission_wait) {}
  ~listening_server() override;

  result<void> begin();

  endpoint local() const override { return acceptor_ != nullptr ? acceptor_->local() : local_; }
  const server_statistics& statistics() const noexcept override { return statistics_; }
  void drain() override;
  bool drained() const noexcept override { return draining_ && statistics_.open == 0; }

 private:
  // acceptor_events
  void on_accepted(std::unique_ptr<stream> connection) override;
  // turn_end_work
  void at_turn_end() override { bury(); }
  // connection_home
  const server_options& options() const noexcept override { return options_; }
  service& answers() noexcept override { return answers_; }
  server_statistics& statistics() noexcept override { return statistics_; }
  memory_gate& gate() noexcept override { return gate_; }
  grpc::status overload() override;
  void on_ended(server_connection& who) noexcept override;

  void bury();
  void unlink(server_connection& who) noexcept;

  shard& shard_;
  const server_options options_;
  service& answers_;
  memory_gate gate_;
  server_statistics statistics_;
  std::unique_ptr<acceptor> acceptor_;
  endpoint local_;
  server_connection* first_ = nullptr;  // all that are open; at most connections_max
  server_connection* ended_ = nullptr;  // of these, the ones to be destroyed at the turn end
  std::uint32_t jitter_ = 0x9e3779b9;
  bool full_ = false;
  bool draining_ = false;
};

listening_server::~listening_server() {
  acceptor_.reset();
  ended_ = nullptr;
  while (first_ != nullptr) {
    server_connection* dying = first_;
    unlink(*dying);
    delete dying;
  }
}

result<void> listening_server::begin() {
  auto made = shard_.io().listen(options_.at, options_.socket, *this);
  if (!made) return std::unexpected(made.error());
  acceptor_ = std::move(*made);
  return {};
}

void listening_server::on_accepted(std::unique_ptr<stream> connection) {
  if (draining_) return;
  if (statistics_.open >= options_.connections_max)
    return;  // a burst that was accepted before the pause
  auto* fresh = new server_connection(shard_, *this, std::move(connection));
  fresh->next = first_;
  if (first_ != nullptr) first_->previous = fresh;
  first_ = fresh;
  statistics_.accepted += 1;
  statistics_.open += 1;
  if (statistics_.open >= options_.connections_max) {
    full_ = true;
    acceptor_->pause();
  }
  fresh->start();
}

void listening_server::on_ended(server_connection& who) noexcept {
  who.next_ended = ended_;
  ended_ = &who;
  shard_.at_turn_end(*this);
}

void listening_server::bury() {
  while (ended_ != nullptr) {
    server_connection* dying = std::exchange(ended_, ended_->next_ended);
    unlink(*dying);
    statistics_.open -= 1;
    delete dying;
  }
  if (full_ && !draining_ && statistics_.open < options_.connections_max) {
    full_ = false;
    acceptor_->resume();
  }
}

void listening_server::unlink(server_connection& who) noexcept {
  if (who.previous != nullptr) {
    who.previous->next = who.next;
  } else {
    first_ = who.next;
  }
  if (who.next != nullptr) who.next->previous = who.previous;
}

void listening_server::drain() {
  if (std::exchange(draining_, true)) return;
  local_ = acceptor_->local();
  acceptor_.reset();
  // Connections that end meanwhile stay in the list until the turn end.
  for (server_connection* c = first_; c != nullptr; c = c->next) c->drain();
}

grpc::status listening_server::overload() {
  jitter_ ^= jitter_ << 13;
  jitter_ ^= jitter_ >> 17;
  jitter_ ^= jitter_ << 5;
  // 75 % to 125 %, so that clients refused together do not come back together.
  const auto percent = static_cast<std::int64_t>(75 + jitter_ % 51);
  grpc::status s;
  s.grpc = grpc::code::unavailable;
  s.http = 503;
  s.message = "memory is short, try again later";
  s.retry_after = std::chrono::nanoseconds(options_.retry_after) * percent / 100;
  return s;
}

}  // namespace

result<std::unique_ptr<server>> server::listen(shard& on, const server_options& how,
                                               service& answers) {
  ZC_CHECK(how.connections_max > 0);
  auto made = std::make_unique<listening_server>(on, how, answers);
  if (auto begun = made->begin(); !begun) return std::unexpected(begun.error());
  return made;
}

}  // namespace zc::net
