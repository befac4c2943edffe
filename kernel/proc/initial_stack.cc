// SPDX-License-Identifier: MIT
#include "kernel/proc/initial_stack.h"

#include <cstring>

#include "kernel/lib/bits.h"

namespace meridian {
namespace {

constexpr u64 kStackAlignment = 16;  // AAPCS64: SP always is
constexpr std::string_view kPlatform = "aarch64";

/// Keys of the auxiliary vector (Linux: include/uapi/linux/auxvec.h).
enum class Aux : u64 {
  end = 0,
  program_headers = 3,
  program_header_size = 4,
  program_header_count = 5,
  page_size = 6,
  interpreter_base = 7,
  flags = 8,
  entry = 9,
  user = 11,
  effective_user = 12,
  group = 13,
  effective_group = 14,
  platform = 15,
  hardware = 16,
  clock_ticks = 17,
  secure = 23,
  random = 25,
  hardware_2 = 26,
  file_name = 31,
};

/// AT_HWCAP: FP and ASIMD, which every CPU here has. What is not claimed is not used.
constexpr u64 kHardware = 0b11;
constexpr u64 kClockTicks = 100;

/// Writes down from the top of the stack.
class StackWriter {
 public:
  StackWriter(UserSpace& space, UserRange stack, u64 most)
      : space_(space), lowest_(stack.end() - most), at_(stack.end()) {}

  UserAddr at() const { return at_; }
  void align(u64 alignment) { at_ = at_.align_down(alignment); }

  /// Makes room for `bytes` below what is there.
  Result<void> reserve(u64 bytes) {
    if (bytes > at_ - lowest_) return Error{Errc::too_large, bytes};
    at_ = at_ - bytes;
    return {};
  }
  Result<UserAddr> push_bytes(std::span<const std::byte> bytes) {
    TRY(reserve(bytes.size()));
    TRY(space_.write(at_, bytes));
    return at_;
  }
  /// The text with a NUL behind it.
  Result<UserAddr> push(std::string_view text) {
    TRY(reserve(1));  // the page is new: it is zero
    return push_bytes(std::as_bytes(std::span(text)));
  }

 private:
  UserSpace& space_;
  UserAddr lowest_, at_;
};

/// Words from an address upwards, some at a time.
class WordWriter {
 public:
  WordWriter(UserSpace& space, UserAddr at) : space_(space), at_(at) {}

  Result<void> word(u64 value) {
    words_[count_++] = value;
    return count_ == words_.size() ? flush() : Result<void>{};
  }
  Result<void> aux(Aux key, u64 value) {
    TRY(word(static_cast<u64>(key)));
    return word(value);
  }
  Result<void> flush() {
    TRY(space_.write(at_, std::as_bytes(std::span(words_).first(count_))));
    at_ = at_ + count_ * sizeof(u64);
    count_ = 0;
    return {};
  }
  /// Where the next word goes.
  UserAddr at() const { return at_ + count_ * sizeof(u64); }

 private:
  UserSpace& space_;
  UserAddr at_;
  std::array<u64, 64> words_;
  usize count_ = 0;
};

struct Texts {
  UserAddr name, strings, platform, random;
};

Result<void> write_aux_vector(WordWriter& out, const StartInfo& info, const Texts& texts) {
  TRY(out.aux(Aux::hardware, kHardware));
  TRY(out.aux(Aux::page_size, kPageSize));
  TRY(out.aux(Aux::clock_ticks, kClockTicks));
  TRY(out.aux(Aux::program_headers, info.headers.value()));
  TRY(out.aux(Aux::program_header_size, ElfImage::kHeaderSize));
  TRY(out.aux(Aux::program_header_count, info.header_count));
  TRY(out.aux(Aux::interpreter_base, info.interpreter.value()));
  TRY(out.aux(Aux::flags, 0));
  TRY(out.aux(Aux::entry, info.entry.value()));
  for (const Aux id : {Aux::user, Aux::effective_user, Aux::group, Aux::effective_group})
    TRY(out.aux(id, 0));
  TRY(out.aux(Aux::secure, 0));
  TRY(out.aux(Aux::random, texts.random.value()));
  TRY(out.aux(Aux::hardware_2, 0));
  TRY(out.aux(Aux::file_name, texts.name.value()));
  TRY(out.aux(Aux::platform, texts.platform.value()));
  return out.aux(Aux::end, 0);
}
constexpr u64 kAuxWords = 2 * 19;

/// Pointers to `count` texts, of which `text` begins with the first, and a null pointer. Moves `text`
/// and `address`, where the program sees it, behind them.
Result<void> write_pointers(WordWriter& out, u32 count, const char*& text, UserAddr& address) {
  for (u32 i = 0; i < count; ++i) {
    TRY(out.word(address.value()));
    const usize size = std::strlen(text) + 1;
    text += size;
    address = address + size;
  }
  return out.word(0);
}

}  // namespace

Result<InitialStack> build_initial_stack(UserSpace& space, UserRange stack, u64 most,
                                         const StartInfo& info) {
  const ExecStrings& strings = info.strings;
  StackWriter out(space, stack, most);
  TRY(out.reserve(sizeof(u64)));  // a null word above it all, as on Linux
  Texts texts;
  texts.name = TRY(out.push(info.name));
  texts.strings = TRY(out.push_bytes(std::as_bytes(strings.text())));
  texts.platform = TRY(out.push(kPlatform));
  texts.random = TRY(out.push_bytes(std::as_bytes(std::span(info.random))));

  // argc, arguments and environment with their ends.
  const u64 words = 3 + u64{strings.arguments()} + strings.variables() + kAuxWords;
  out.align(kStackAlignment);
  TRY(out.reserve(align_up(words * sizeof(u64), kStackAlignment)));

  InitialStack result{.pointer = out.at(), .arguments = {}, .environment = {}, .aux = {}};
  WordWriter vectors(space, out.at());
  const char* text = strings.text().data();
  UserAddr address = texts.strings;
  TRY(vectors.word(strings.arguments()));
  TRY(write_pointers(vectors, strings.arguments(), text, address));
  result.arguments = UserRange::between(texts.strings, address);
  TRY(write_pointers(vectors, strings.variables(), text, address));
  result.environment = UserRange::between(result.arguments.end(), address);
  result.aux = UserRange(vectors.at(), kAuxWords * sizeof(u64));
  TRY(write_aux_vector(vectors, info, texts));
  TRY(vectors.flush());
  CHECK(vectors.at() - result.pointer == words * sizeof(u64));
  return result;
}

}  // namespace meridian
