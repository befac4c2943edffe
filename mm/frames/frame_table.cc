// SPDX-License-Identifier: MIT
#include "mm/frames/frame_table.h"

namespace meridian {

const char* name_of(FrameOwner owner) {
  switch (owner) {
    case FrameOwner::none:
      return "none";
    case FrameOwner::free:
      return "free";
    case FrameOwner::cached:
      return "free (cached)";
    case FrameOwner::reserved:
      return "reserved";
    case FrameOwner::table:
      return "table";
    case FrameOwner::frame_table:
      return "frame table";
    case FrameOwner::slab:
      return "slab";
    case FrameOwner::kmalloc:
      return "kmalloc";
    case FrameOwner::kernel:
      return "kernel";
    case FrameOwner::vmalloc:
      return "vmalloc";
    case FrameOwner::user:
      return "user";
    case FrameOwner::page_cache:
      return "page cache";
  }
  UNREACHABLE();
}

}  // namespace meridian
