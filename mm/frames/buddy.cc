// SPDX-License-Identifier: MIT
#include "mm/frames/buddy.h"

namespace meridian {
namespace {

constexpr u64 frames_of(unsigned order) { return u64{1} << order; }

}  // namespace

void Buddy::push(FrameTable& table, Frame frame, unsigned order) {
  lists_[order].push(table, frame, FrameInfo::linked(FrameOwner::free, order, 0));
  nonempty_ |= 1u << order;
  ++counts_[order];
}

void Buddy::remove(FrameTable& table, Frame frame, unsigned order) {
  lists_[order].remove(table, frame, 0);
  if (lists_[order].is_empty()) nonempty_ &= ~(1u << order);
  --counts_[order];
}

std::optional<Frame> Buddy::pop_smallest(FrameTable& table, unsigned& order) {
  const u32 candidates = nonempty_ >> order << order;
  if (candidates == 0) return std::nullopt;
  order = static_cast<unsigned>(std::countr_zero(candidates));
  const Frame frame = lists_[order].front();
  remove(table, frame, order);
  free_frames_ -= frames_of(order);
  return frame;
}

void Buddy::split(FrameTable& table, Frame frame, unsigned have, unsigned want) {
  free_frames_ += frames_of(have) - frames_of(want);
  while (have != want) {
    --have;
    push(table, frame + frames_of(have), have);
  }
}

std::optional<Frame> Buddy::take(FrameTable& table, unsigned order) {
  unsigned have = order;
  const std::optional<Frame> frame = pop_smallest(table, have);
  if (frame) split(table, *frame, have, order);
  return frame;
}

void Buddy::put(FrameTable& table, Frame frame, unsigned order) {
  free_frames_ += frames_of(order);
  u64 number = frame.number();
  while (order < kMaxOrder) {
    const Frame neighbour = Frame::from_number(number ^ frames_of(order));
    if (!table[neighbour].is_free_block(order)) break;
    remove(table, neighbour, order);
    number &= ~frames_of(order);
    ++order;
  }
  push(table, Frame::from_number(number), order);
}

void Buddy::put_range(FrameTable& table, FrameRange range) {
  u64 number = range.first.number();
  u64 left = range.count;
  while (left != 0) {
    const unsigned order = largest_order(number, left);
    put(table, Frame::from_number(number), order);
    number += frames_of(order);
    left -= frames_of(order);
  }
}

}  // namespace meridian
