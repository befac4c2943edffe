// SPDX-License-Identifier: MIT
/// What the system says it is called: to uname(2), and in /proc/sys/kernel. Programs ask for the
/// Linux whose calls they may make.
#pragma once

#include "kernel/lib/fixed_text.h"
#include "kernel/sync/spinlock.h"

namespace meridian {

inline constexpr std::string_view kSystemName = "Linux";
inline constexpr std::string_view kSystemRelease = "6.1.0";
inline constexpr std::string_view kSystemVersion =
    "#1 SMP Meridian: its system calls, not its code";
inline constexpr std::string_view kMachineName = "aarch64";

inline constexpr usize kHostNameMax = 64;

/// Those that can be set (sethostname(2), setdomainname(2)).
struct HostNames {
  FixedText<kHostNameMax> host = "meridian";
  FixedText<kHostNameMax> domain = "(none)";
};
inline constinit Locked<HostNames> host_names;

}  // namespace meridian
