// SPDX-License-Identifier: MIT
#include "kernel/log/kept_log.h"

#include <algorithm>

namespace meridian {
namespace {

constinit KeptLog the_kept_log;

}  // namespace

KeptLog& kept_log() { return the_kept_log; }

void KeptLog::add(std::string_view text) {
  ring_.with([text](Ring& ring) {
    for (const char c : text) ring.bytes[ring.written++ % kSize] = c;
  });
  added_.wake_all();
}

/// What there is from `from` on, as far as it fits.
usize KeptLog::Ring::copy(u64 from, std::span<char> to) const {
  const usize count = std::min<u64>(written - from, to.size());
  for (usize i = 0; i < count; ++i) to[i] = bytes[(from + i) % kSize];
  return count;
}

usize KeptLog::read_newest(std::span<char> to) {
  return ring_.with([to](Ring& ring) {
    const u64 first = ring.kept_from(ring.cleared);
    const u64 newest = ring.written - first > to.size() ? ring.written - to.size() : first;
    return ring.copy(newest, to);
  });
}

usize KeptLog::read_next(std::span<char> to) {
  return ring_.with([to](Ring& ring) {
    const u64 first = ring.kept_from(ring.read);
    const usize count = ring.copy(first, to);
    ring.read = first + count;
    return count;
  });
}

usize KeptLog::unread() {
  return ring_.with([](Ring& ring) { return ring.written - ring.kept_from(ring.read); });
}

Result<void> KeptLog::wait() {
  return added_.wait(ring_, [](Ring& ring) { return ring.written != ring.read; },
                     {.interruptible = true});
}

void KeptLog::clear() {
  ring_.with([](Ring& ring) { ring.cleared = ring.written; });
}

}  // namespace meridian
