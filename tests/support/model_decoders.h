// SPDX-License-Identifier: MIT
/// What the words of a table mean, for the model MMU: the Arm format, from the manual and as strict
/// as it can be read, and the toy format. Nothing here is shared with the code under test.
#pragma once

#include "mm/paging/attributes.h"
#include "model_mmu.h"

namespace meridian::model {

/// VMSAv8-64 stage 1, EL1&0, 4 KiB granule, 48-bit output addresses, no optional features. Whatever
/// a kernel for it has no reason to write is reserved here: RES0 bits, SH = 0b01, misaligned
/// blocks, cached memory that is not inner shareable, limits in table descriptors.
class VmsaDecoder final : public Decoder {
 public:
  /// `va_bits` is 64 - TxSZ.
  VmsaDecoder(bool high_half, unsigned va_bits);
  Decoded decode(unsigned level, u64 raw) const override;
};

/// tests/support/toy_format.h
class ToyDecoder final : public Decoder {
 public:
  ToyDecoder(bool high_half, unsigned levels);
  Decoded decode(unsigned level, u64 raw) const override;
};

/// The leaf that an engine must write for `attributes`, but for level, address and contiguity.
Leaf leaf_for(const Attributes& attributes);
/// True if `leaf` grants what `attributes` say.
bool grants(const Leaf& leaf, const Attributes& attributes);

}  // namespace meridian::model
