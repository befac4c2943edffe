// SPDX-License-Identifier: MIT
/// The layouts that this image can run under, by name and by number.
#pragma once

#include <optional>

#include "mm/layout/arm64.h"
#include "mm/layout/i386.h"
#include "mm/layout/x86_64.h"

namespace meridian {

enum class LayoutId : u8 { arm64, arm64_39, x86_64, i386, i386_6_1 };
inline constexpr LayoutId kLayoutIds[] = {LayoutId::arm64, LayoutId::arm64_39, LayoutId::x86_64,
                                          LayoutId::i386, LayoutId::i386_6_1};

/// Reads no pointer in memory: boot calls both before the image has relocated itself.
constexpr const Layout& layout_of(LayoutId id) {
  switch (id) {
    case LayoutId::arm64:
      return kArm64Layout;
    case LayoutId::arm64_39:
      return kArm64_39Layout;
    case LayoutId::x86_64:
      return kX86_64Layout;
    case LayoutId::i386:
      return kI386Layout;
    case LayoutId::i386_6_1:
      return kI386_6_1Layout;
  }
  UNREACHABLE();
}

constexpr std::optional<LayoutId> layout_named(std::string_view name) {
  if (name == "arm64") return LayoutId::arm64;
  if (name == "arm64-39") return LayoutId::arm64_39;
  if (name == "x86-64") return LayoutId::x86_64;
  if (name == "i386") return LayoutId::i386;
  if (name == "i386-6.1") return LayoutId::i386_6_1;
  return std::nullopt;
}

consteval bool every_name_is_known() {
  for (const LayoutId id : kLayoutIds)
    if (layout_named(layout_of(id).name) != id) return false;
  return true;
}
static_assert(every_name_is_known());

}  // namespace meridian
