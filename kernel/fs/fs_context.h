// SPDX-License-Identifier: MIT
/// FsContext: what a process's paths and new files depend on: its root and working directory, and
/// its umask. Processes may share one (CLONE_FS).
#pragma once

#include "kernel/fs/counted.h"
#include "kernel/fs/path.h"

namespace meridian {

class FsContext final : public RefCounted {
 public:
  /// Errc::out_of_frames.
  static Result<Ref<FsContext>> make(const PathStart& start) {
    return make_counted<FsContext>(start);
  }
  /// Another with the same content (fork).
  Result<Ref<FsContext>> copy() {
    const State state = state_.with([](State& s) { return s; });
    const auto fresh = TRY(make(state.start));
    fresh->set_umask(state.umask);
    return fresh;
  }
  static void destroy(FsContext* context) { destroy_counted(context); }

  explicit FsContext(const PathStart& start) { state_.with([&](State& s) { s.start = start; }); }

  PathStart start() {
    return state_.with([](State& s) { return s.start; });
  }
  void set_root(Ref<Directory> root) {
    state_.with([&](State& s) { std::swap(s.start.root, root); });
  }
  void set_working_directory(Ref<Directory> at) {
    state_.with([&](State& s) { std::swap(s.start.at, at); });
  }
  u32 umask() {
    return state_.with([](State& s) { return s.umask; });
  }
  /// Returns what it was.
  u32 set_umask(u32 umask) {
    return state_.with([umask](State& s) { return std::exchange(s.umask, umask & 0777); });
  }

 private:
  struct State {
    PathStart start;
    u32 umask = 022;
  };
  Locked<State> state_;
};

}  // namespace meridian
