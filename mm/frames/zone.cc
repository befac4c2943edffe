// SPDX-License-Identifier: MIT
#include "mm/frames/zone.h"

namespace meridian {

const char* name_of(ZoneKind kind) {
  switch (kind) {
    case ZoneKind::dma:
      return "DMA";
    case ZoneKind::normal:
      return "Normal";
    case ZoneKind::highmem:
      return "HighMem";
  }
  UNREACHABLE();
}

}  // namespace meridian
