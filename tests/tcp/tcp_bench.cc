// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/tcp_bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tcp/initial_sequence.h"
#include "tcp/snapshot.h"

namespace sockeye::tcp {
namespace {

// The byte at a distance from the initial sequence number of its direction; a prime period, so that
// bytes moved by a segment size are noticed.
std::byte pattern_at(std::uint32_t offset) {
  return static_cast<std::byte>(offset % 251);
}

std::vector<std::byte> pattern(std::uint32_t offset, std::uint32_t bytes) {
  std::vector<std::byte> out(bytes);
  for (std::uint32_t i = 0; i < bytes; ++i) out[i] = pattern_at(offset + i);
  return out;
}

}  // namespace

TcpBench::TcpBench(const BenchOptions& options)
    : options_(options),
      now_(options.start),
      resources_(options_.config, pool_.chunks(), secret_, public_),
      tuple_{{IpAddress::v4(10, 0, 0, 1), 8080}, {IpAddress::v4(10, 0, 0, 2), 40000}} {
  if (options_.path.is_v6) {
    tuple_.local.address = *IpAddress::parse("fd00::1");
    tuple_.remote.address = *IpAddress::parse("fd00::2");
  }
}

TcpBench::~TcpBench() {
  for (const Sent& sent : sent_)
    ADD_FAILURE() << "nobody expected    > " << to_text(sent.segment, our_base());
  sent_.clear();
  connection_.reset();
  syn_queue_.reset();
}

Connection& TcpBench::connection() {
  if (!connection_) {
    ADD_FAILURE() << "there is no connection yet";
    std::abort();
  }
  return *connection_;
}

// --- opening

void TcpBench::open_active(const char* file, int line) {
  connection_ = std::make_unique<Connection>(resources_, tuple_, options_.path, options_.settings);
  connection_->open_active(now_);
  pump(file, line);
}

void TcpBench::open_fast(std::uint32_t bytes, const char* file, int line) {
  connection_ = std::make_unique<Connection>(resources_, tuple_, options_.path, options_.settings);
  connection_->open_active(now_);
  our_iss_ = initial_sequence(resources_.isn_key, tuple_, now_);
  knows_our_iss_ = true;
  if (connection_->try_fast_open(now_)) {
    const auto taken = connection_->send(now_, pattern(1, bytes), false, false);
    if (taken) sent_by_app_ += static_cast<std::uint32_t>(*taken);
  }
  pump(file, line);
}

void TcpBench::establish(const char* file, int line) {
  open_active(file, line);
  expect("S 0:0(0)", file, line);
  peer("S. 0:0(0) ack 1 win " + std::to_string(options_.peer_window) + " <" + options_.peer_options + '>',
       file, line);
  expect(". 1:1(0) ack 1", file, line);
  if (state() != State::established) ADD_FAILURE_AT(file, line) << "not established but " << name_of(state());
  (void)events();
}

void TcpBench::listen(std::uint32_t backlog) {
  syn_queue_ = std::make_unique<SynQueue>(resources_, backlog);
}

void TcpBench::establish_passive(const char* file, int line) {
  listen();
  peer("S 0:0(0) win " + std::to_string(options_.peer_window) + " <" + options_.peer_options + '>', file,
       line);
  expect("S. 0:0(0) ack 1", file, line);
  peer(". 1:1(0) ack 1 win " + std::to_string(options_.peer_window), file, line);
  if (!connection_)
    ADD_FAILURE_AT(file, line) << "the handshake made no connection";
  else
    (void)events();
}

// --- the wire

void TcpBench::peer(std::string_view line, const char* file, int at) {
  peer({line}, file, at);
}

void TcpBench::peer(std::initializer_list<std::string_view> lines, const char* file, int at) {
  check_silence(file, at);
  for (const std::string_view line : lines) deliver(line, file, at);
  pump(file, at);
}

void TcpBench::inject(const Segment& segment, const char* file, int at) {
  check_silence(file, at);
  PacketPtr packet = pool_.allocate();
  if (const auto drop = connection().on_segment(now_, segment, *packet)) drops_.count(*drop);
  pump(file, at);
}

void TcpBench::deliver(std::string_view line, const char* file, int at) {
  std::string error;
  const auto text = parse_segment(line, peer_base(), &error);
  if (!text) {
    ADD_FAILURE_AT(file, at) << "peer(\"" << line << "\"): " << error;
    return;
  }
  Segment segment = text->segment;
  segment.source_port = tuple_.remote.port;
  segment.destination_port = tuple_.local.port;
  segment.ip_ecn = peer_ip_ecn;
  if (!text->has_window) segment.window = options_.peer_window;
  PacketPtr packet = pool_.allocate();
  if (segment.payload_bytes > 0) {
    const std::uint32_t offset = distance(options_.peer_iss, segment.seq + (segment.flags.syn ? 1u : 0u));
    const auto payload = pattern(offset, segment.payload_bytes);
    std::size_t done = 0;
    while (done < payload.size()) {
      const std::size_t step = std::min<std::size_t>(payload.size() - done, ChunkPool::largest());
      packet->append(Slice(pool_.chunks().copy_of(Bytes(payload).subspan(done, step)), 0,
                           static_cast<std::uint32_t>(step)));
      done += step;
    }
  }
  if (connection_) {
    if (const auto drop = connection_->on_segment(now_, segment, *packet)) drops_.count(*drop);
  } else if (syn_queue_) {
    deliver_to_listener(segment, *packet);
  } else {
    ADD_FAILURE_AT(file, at) << "nobody is there to receive \"" << line << '"';
  }
}

void TcpBench::deliver_to_listener(const Segment& segment, Packet& packet) {
  ListenVerdict verdict =
      syn_queue_->on_segment(now_, tuple_, segment, options_.settings, options_.path, accept_queue_full);
  if (verdict.drop) drops_.count(*verdict.drop);
  if (verdict.reply) take_out(*verdict.reply, nullptr, __FILE__, __LINE__);
  if (!verdict.handshake) return;
  connection_ = std::make_unique<Connection>(resources_, tuple_, options_.path, options_.settings);
  if (verdict.is_fast) {
    connection_->open_fast(now_, *verdict.handshake, segment, packet);
    return;
  }
  connection_->open_established(now_, *verdict.handshake);
  if (const auto drop = connection_->on_segment(now_, segment, packet)) drops_.count(*drop);
}

// Takes everything that wants to leave now.
void TcpBench::pump(const char* file, int at) {
  if (!connection_) return;
  for (int guard = 0; guard < 100'000; ++guard) {
    Segment segment;
    PacketPtr packet = pool_.allocate();
    if (!connection_->poll_transmit(now_, segment, *packet)) return;
    take_out(segment, packet.get(), file, at);
  }
  ADD_FAILURE_AT(file, at) << "poll_transmit() never ends";
}

void TcpBench::take_out(const Segment& segment, const Packet* packet, const char* file, int at) {
  if (segment.flags.syn && !knows_our_iss_) {
    our_iss_ = segment.seq;
    knows_our_iss_ = true;
  }
  EXPECT_EQ(segment.source_port, tuple_.local.port);
  EXPECT_EQ(segment.destination_port, tuple_.remote.port);
  if (packet != nullptr) check_payload(segment, *packet, file, at);
  if (segment.options.timestamps) last_timestamp_ = segment.options.timestamps->value;
  sent_.push_back({segment, now_});
}

void TcpBench::check_payload(const Segment& segment, const Packet& packet, const char* file, int at) const {
  if (packet.payload_size() != segment.payload_bytes) {
    ADD_FAILURE_AT(file, at) << "a segment of " << segment.payload_bytes << " bytes carries "
                             << packet.payload_size();
    return;
  }
  std::vector<std::byte> payload(segment.payload_bytes);
  packet.copy_payload(payload);
  const std::uint32_t offset = distance(our_iss_, segment.seq + (segment.flags.syn ? 1u : 0u));
  if (payload != pattern(offset, segment.payload_bytes))
    ADD_FAILURE_AT(file, at) << "wrong bytes in    > " << to_text(segment, our_base());
}

void TcpBench::check_silence(const char* file, int at) {
  for (const Sent& sent : sent_)
    ADD_FAILURE_AT(file, at) << "nobody expected    > " << to_text(sent.segment, our_base());
  sent_.clear();
}

void TcpBench::expect(std::string_view line, const char* file, int at) {
  std::string error;
  const auto expected = parse_segment(line, our_base(), &error);
  if (!expected) {
    ADD_FAILURE_AT(file, at) << "expect(\"" << line << "\"): " << error;
    return;
  }
  if (sent_.empty()) {
    ADD_FAILURE_AT(file, at) << "expected    > " << line << "\nbut sent nothing";
    return;
  }
  const Segment sent = sent_.front().segment;
  sent_.pop_front();
  if (!matches(*expected, sent))
    ADD_FAILURE_AT(file, at) << "expected    > " << line << "\nbut sent    > " << to_text(sent, our_base());
}

void TcpBench::expect_nothing(const char* file, int at) {
  check_silence(file, at);
}

std::size_t TcpBench::discard() {
  const std::size_t count = sent_.size();
  sent_.clear();
  return count;
}

std::string TcpBench::take_sent() {
  if (sent_.empty()) return {};
  const std::string text = to_text(sent_.front().segment, our_base());
  sent_.pop_front();
  return text;
}

void TcpBench::move_to_another_stack(Duration pause, const char* file, int at) {
  check_silence(file, at);
  const auto taken = connection().snapshot(now_);
  if (!taken) {
    ADD_FAILURE_AT(file, at) << "no snapshot: " << name_of(taken.error());
    return;
  }
  connection_.reset();
  now_ += pause;
  const auto read = snapshot_from_bytes(to_bytes(*taken));
  if (!read || !(*read == *taken)) {
    ADD_FAILURE_AT(file, at) << "the bytes say something else";
    return;
  }
  connection_ = std::make_unique<Connection>(resources_, read->tuple, options_.path, read->settings);
  if (!connection_->restore(now_, *read)) ADD_FAILURE_AT(file, at) << "not restored";
  pump(file, at);
}

// --- time

std::optional<Instant> TcpBench::next_timer() const {
  if (connection_) {
    const Instant next = std::min(connection_->next_timer(), connection_->next_release());
    return next == kNever ? std::nullopt : std::optional(next);
  }
  return syn_queue_ ? syn_queue_->next_timer() : std::nullopt;
}

void TcpBench::after(Duration time, const char* file, int at) {
  check_silence(file, at);
  const Instant end = now_ + time;
  int stuck = 0;
  for (auto next = next_timer(); next && *next <= end; next = next_timer()) {
    stuck = *next > now_ ? 0 : stuck + 1;
    if (stuck > 1000) {
      ADD_FAILURE_AT(file, at) << "a timer that is due stays due";
      break;
    }
    now_ = std::max(now_, *next);
    if (connection_) {
      connection_->on_timer(now_);
      pump(file, at);
      continue;
    }
    while (const auto due = syn_queue_->next_due(now_)) take_out(due->segment, nullptr, file, at);
  }
  now_ = end;
}

// --- the program

long TcpBench::App::send(std::uint32_t bytes, How how, const char* file, int at) {
  bench_.check_silence(file, at);
  const auto data = pattern(1 + bench_.sent_by_app_, bytes);
  const auto result = bench_.connection().send(bench_.now_, data, how == How::more, how == How::urgent);
  if (how == How::record && result && *result == bytes) bench_.connection().end_record();
  if (result) bench_.sent_by_app_ += static_cast<std::uint32_t>(*result);
  bench_.pump(file, at);
  return result ? static_cast<long>(*result) : -static_cast<long>(to_int(result.error()));
}

long TcpBench::App::send(std::uint32_t bytes, const char* file, int at) {
  return send(bytes, How::plain, file, at);
}
long TcpBench::App::send_more(std::uint32_t bytes, const char* file, int at) {
  return send(bytes, How::more, file, at);
}
long TcpBench::App::send_record(std::uint32_t bytes, const char* file, int at) {
  return send(bytes, How::record, file, at);
}
long TcpBench::App::send_urgent(std::uint32_t bytes, const char* file, int at) {
  return send(bytes, How::urgent, file, at);
}

long TcpBench::App::receive(std::uint32_t bytes, const char* file, int at) {
  bench_.check_silence(file, at);
  // No larger than what can come: a test that reads often must not clear megabytes each time.
  std::vector<std::byte> room(std::min(bytes, bench_.connection().readable_bytes() + 1));
  const auto result = bench_.connection().receive(bench_.now_, room, false, false);
  bench_.pump(file, at);
  if (!result) return -static_cast<long>(to_int(result.error()));
  room.resize(*result);
  if (room != pattern(1 + bench_.received_by_app_, static_cast<std::uint32_t>(*result)))
    ADD_FAILURE_AT(file, at) << "wrong bytes received";
  bench_.received_by_app_ += static_cast<std::uint32_t>(*result);
  return static_cast<long>(*result);
}

void TcpBench::App::close(const char* file, int at) {
  bench_.check_silence(file, at);
  bench_.connection().close(bench_.now_, false);
  bench_.pump(file, at);
}

void TcpBench::App::abort(const char* file, int at) {
  bench_.check_silence(file, at);
  bench_.connection().close(bench_.now_, true);
  bench_.pump(file, at);
}

long TcpBench::App::shutdown_write(const char* file, int at) {
  bench_.check_silence(file, at);
  const auto result = bench_.connection().shutdown(bench_.now_, false, true);
  bench_.pump(file, at);
  return result ? 0 : -static_cast<long>(to_int(result.error()));
}

long TcpBench::App::shutdown_read(const char* file, int at) {
  bench_.check_silence(file, at);
  const auto result = bench_.connection().shutdown(bench_.now_, true, false);
  bench_.pump(file, at);
  return result ? 0 : -static_cast<long>(to_int(result.error()));
}

// --- questions

int TcpBench::error() {
  const auto error = connection().take_error();
  return error ? to_int(*error) : 0;
}

std::string TcpBench::drops() const {
  std::string text;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops_[reason] == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::string(name_of(reason)) + ' ' + std::to_string(drops_[reason]);
  }
  return text;
}

}  // namespace sockeye::tcp
