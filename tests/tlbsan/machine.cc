// SPDX-License-Identifier: MIT
#include "tests/tlbsan/machine.h"

#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace tlbsan {
namespace {

constexpr size_t kSearched = 64 << 10;    // bytes from the start of a CPU's state
constexpr size_t kPc = 32, kPstate = 33;  // as words after X0; SP is word 31

template <typename Symbol>
Symbol* find(const char* name) {
  void* const found = dlsym(RTLD_DEFAULT, name);
  if (found == nullptr) refuse((std::string("it has no ") + name).c_str());
  return reinterpret_cast<Symbol*>(found);
}

/// As much of what follows `start` as this process may read.
std::vector<uint64_t> copy_of(const void* start) {
  constexpr size_t kPiece = 4096;
  std::vector<uint64_t> words(kSearched / sizeof(uint64_t));
  for (size_t done = 0; done < kSearched; done += kPiece) {
    iovec to{reinterpret_cast<char*>(words.data()) + done, kPiece};
    iovec from{const_cast<char*>(static_cast<const char*>(start)) + done, kPiece};
    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) <= 0) break;
  }
  return words;
}

bool is_register_file_at_entry(const uint64_t* words, uint64_t entry) {
  for (size_t i = 1; i < kPc; ++i)
    if (words[i] != (i == 4 ? entry : 0)) return false;
  const uint64_t mode = words[kPstate] & 0xf;
  constexpr uint64_t kEl1h = 5, kEl2h = 9;
  return words[0] != 0 && words[kPc] == entry && (mode == kEl1h || mode == kEl2h);
}

}  // namespace

void refuse(const char* reason) {
  std::fprintf(stderr, "tlbsan: cannot run with this QEMU: %s\n", reason);
  std::fflush(nullptr);
  _exit(3);
}

Machine::Machine()
    : get_cpu_(find<void*(int)>("qemu_get_cpu")),
      exit_(find<void(void*)>("cpu_exit")),
      read_write_(find<void(uint64_t, void*, uint64_t, bool)>("cpu_physical_memory_rw")),
      run_side_by_side_(find<const bool>("mttcg_enabled")) {}

bool Machine::calibrate(unsigned cpu, uint64_t pc) {
  if (!entered_) {  // the first block is the loader's own
    entered_ = true;
    return false;
  }
  const std::vector<uint64_t> words = copy_of(get_cpu_(static_cast<int>(cpu)));
  for (size_t i = 1; i + kPstate < words.size(); ++i) {
    if (!is_register_file_at_entry(&words[i], pc)) continue;
    if (offset_ != 0) refuse("two places look like the registers");
    offset_ = i * sizeof(uint64_t);
  }
  if (offset_ == 0) refuse("no place in the CPU's state looks like the registers");
  return true;
}

const unsigned char* Machine::state_of(unsigned cpu) const {
  return static_cast<const unsigned char*>(get_cpu_(static_cast<int>(cpu))) + offset_;
}

uint64_t Machine::x(unsigned cpu, unsigned number) const {
  uint64_t value = 0;
  if (number != 31) std::memcpy(&value, state_of(cpu) + 8 * number, sizeof(value));
  return value;
}

uint64_t Machine::pc(unsigned cpu) const {
  uint64_t value;
  std::memcpy(&value, state_of(cpu) + 8 * kPc, sizeof(value));
  return value;
}

uint32_t Machine::pstate(unsigned cpu) const {
  uint32_t value;
  std::memcpy(&value, state_of(cpu) + 8 * kPstate, sizeof(value));
  return value;
}

void Machine::read_physical(uint64_t pa, void* to, size_t size) const {
  read_write_(pa, to, size, false);
}

}  // namespace tlbsan
