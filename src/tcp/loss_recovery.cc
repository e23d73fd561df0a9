// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/loss_recovery.h"

namespace sockeye::tcp {

bool LossRecovery::on_advance(const SendEdges& at, std::uint32_t acked) {
  duplicate_acks_ = 0;
  if (has_edges_) {
    lost_edge_ = max(lost_edge_, at.una);
    high_rxt_ = max(high_rxt_, at.una);
  }
  if (!at.sack) reno_sacked_ -= std::min(reno_sacked_, acked > at.mss ? acked - at.mss : 0);
  if (phase_ == Phase::open) {
    reno_sacked_ = 0;
    if (at.una > recovery_point_) has_recovery_point_ = false;
    return false;
  }
  if (at.una >= recovery_point_) {
    phase_ = Phase::open;
    reno_sacked_ = 0;
    lost_waiting_ = 0;
    forced_ = false;
    has_edges_ = false;
    return true;
  }
  if (!at.sack && phase_ == Phase::recovery) {
    // RFC 6582 3.2 step 3, a partial ACK: the next segment is lost too.
    high_rxt_ = at.una;
    lost_edge_ = min(at.una + at.mss, at.nxt);
    forced_ = true;
  }
  if (!at.sack) lost_waiting_ = distance(resume(at), max(lost_edge_, resume(at)));
  return false;
}

void LossRecovery::count_lost(const SendEdges& at, const SackScoreboard& scoreboard) {
  const SeqNum from = resume(at);
  lost_waiting_ = 0;
  if (!has_edges_ || from >= lost_edge_) return;
  lost_waiting_ = distance(from, lost_edge_);
  if (at.sack) lost_waiting_ -= std::min(lost_waiting_, scoreboard.sacked_within({from, lost_edge_}));
}

void LossRecovery::on_scoreboard(const SendEdges& at, const SackScoreboard& scoreboard) {
  // RFC 6675 4, IsLost: three ranges, or more than two segments, have arrived above. Both grow
  // downward, so the highest lost byte is found by a walk of at most three ranges from the top.
  std::uint32_t bytes = 0;
  const std::size_t count = scoreboard.range_count();
  for (std::size_t k = 1; k <= count && k <= SackScoreboard::kDupThresh; ++k) {
    const SackBlock range = scoreboard.range(count - k);
    bytes += distance(range.begin, range.end);
    if (k < SackScoreboard::kDupThresh && bytes <= (SackScoreboard::kDupThresh - 1) * at.mss) continue;
    if (!has_edges_) {
      has_edges_ = true;
      high_rxt_ = at.una;
      lost_edge_ = at.una;
    }
    lost_edge_ = max(lost_edge_, range.begin);
    break;
  }
  count_lost(at, scoreboard);
}

bool LossRecovery::should_enter(const SendEdges& at) const {
  if (phase_ != Phase::open || at.una == at.nxt) return false;
  if (at.sack) return (has_edges_ && lost_edge_ > at.una) || duplicate_acks_ >= SackScoreboard::kDupThresh;
  if (duplicate_acks_ < SackScoreboard::kDupThresh) return false;
  // The duplicates may be echoes of what an earlier recovery sent needlessly.
  return !has_recovery_point_ || at.una > recovery_point_;
}

void LossRecovery::enter(const SendEdges& at) {
  phase_ = Phase::recovery;
  recovery_point_ = at.nxt;
  has_recovery_point_ = true;
  if (!has_edges_) lost_edge_ = at.una;
  has_edges_ = true;
  high_rxt_ = at.una;
  forced_ = true;
  if (lost_edge_ <= at.una) lost_edge_ = min(at.una + at.mss, at.nxt);
  if (!at.sack) lost_waiting_ = distance(at.una, lost_edge_);
}

void LossRecovery::on_timeout(const SendEdges& at) {
  phase_ = Phase::loss;
  recovery_point_ = at.nxt;
  has_recovery_point_ = true;
  has_edges_ = true;
  lost_edge_ = at.nxt;
  high_rxt_ = at.una;
  duplicate_acks_ = 0;
  reno_sacked_ = 0;
  forced_ = true;
  lost_waiting_ = distance(at.una, at.nxt);
}

void LossRecovery::on_too_large(const SendEdges& at, SeqNum end) {
  on_timeout(at);
  lost_edge_ = min(end, at.nxt);
  lost_waiting_ = distance(at.una, lost_edge_);
}

std::optional<SackBlock> LossRecovery::next(const SendEdges& at, const SackScoreboard& scoreboard) const {
  if (!has_edges_ || phase_ == Phase::open) return std::nullopt;
  SeqNum from = resume(at);
  if (from >= lost_edge_) return std::nullopt;
  if (!at.sack || scoreboard.empty() || from >= scoreboard.highest()) return SackBlock{from, lost_edge_};
  SackBlock hole{};
  if (const auto found = scoreboard.next_hole(from)) {
    hole = *found;
  } else {
    hole = {scoreboard.highest(), lost_edge_};
  }
  hole.begin = max(hole.begin, from);
  hole.end = min(hole.end, lost_edge_);
  if (hole.begin >= hole.end) return std::nullopt;
  return hole;
}

void LossRecovery::on_retransmitted(SeqNum begin, SeqNum end) {
  lost_waiting_ -= std::min(lost_waiting_, distance(begin, end));
  high_rxt_ = end;
  forced_ = false;
}

}  // namespace sockeye::tcp
