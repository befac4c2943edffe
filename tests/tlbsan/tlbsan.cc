// SPDX-License-Identifier: MIT
/// The plugin: what QEMU translates is looked at once, and what it executes is told to the model.
#include <cstring>
#include <deque>
#include <mutex>
#include <string>

#include "tests/tlbsan/model.h"
#include "tests/tlbsan/qemu_plugin.h"

int qemu_plugin_version = 1;

namespace tlbsan {
namespace {

/// An instruction of a translated block, and the block itself. They live as long as QEMU does.
struct Translated {
  uint64_t pc;  // when it was translated
  Instruction instruction;
};
struct Block {
  uint64_t first, last;  // instructions
};

struct Sanitizer {
  Sanitizer(unsigned cpus, const Habits& habits)
      : model(machine, reporter, cpus, habits), moved(cpus) {}

  std::mutex mutex;
  Machine machine;
  Reporter reporter;
  Model model;
  // Blocks may be executed elsewhere than where they were translated for: how far away.
  std::vector<uint64_t> moved;
  std::deque<Translated> instructions;
  std::deque<Block> blocks;
  unsigned executed = 0;  // blocks, in this turn
};
constexpr unsigned kTurn = 10'000;  // blocks, if CPUs take turns
// Never destroyed: QEMU calls on_exit() after the destructors.
Sanitizer* sanitizer;

/// Counted in blocks, so that a run under icount repeats exactly.
void count_turn(unsigned cpu) {
  if (!sanitizer->machine.cpus_take_turns() || ++sanitizer->executed < kTurn) return;
  sanitizer->executed = 0;
  sanitizer->machine.end_turn(cpu);
}

void on_block(unsigned cpu, void* data) {
  const Block& block = *static_cast<Block*>(data);
  const std::lock_guard guard(sanitizer->mutex);
  count_turn(cpu);
  if (!sanitizer->machine.is_calibrated() && !sanitizer->machine.calibrate(cpu, block.first))
    return;
  constexpr uint64_t kOffset = 0xfff;
  const uint64_t pc = sanitizer->machine.pc(cpu);
  const uint64_t moved = ((pc ^ block.first) & kOffset) == 0 ? pc - block.first : 0;
  sanitizer->moved[cpu] = moved;
  sanitizer->model.begin_block(cpu, block.first + moved);
  const auto fetch = [&](uint64_t va) {
    sanitizer->model.access(cpu, {.va = va, .use = Use::fetch, .pc = va, .size = 4});
  };
  fetch(block.first + moved);
  if ((block.first ^ block.last) & ~kOffset) fetch(block.last + moved);
}

void on_instruction(unsigned cpu, void* data) {
  const Translated& translated = *static_cast<Translated*>(data);
  const std::lock_guard guard(sanitizer->mutex);
  if (!sanitizer->machine.is_calibrated()) return;
  sanitizer->model.execute(cpu, translated.instruction, translated.pc + sanitizer->moved[cpu]);
}

void on_access(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t va, void* data) {
  const Translated& translated = *static_cast<Translated*>(data);
  const std::lock_guard guard(sanitizer->mutex);
  if (!sanitizer->machine.is_calibrated()) return;
  sanitizer->model.access(cpu, {.va = va,
                                .use = qemu_plugin_mem_is_store(info) ? Use::store : Use::load,
                                .pc = translated.pc + sanitizer->moved[cpu],
                                .size = 1u << qemu_plugin_mem_size_shift(info),
                                .unprivileged = translated.instruction.unprivileged});
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* tb) {
  const std::lock_guard guard(sanitizer->mutex);
  const size_t count = qemu_plugin_tb_n_insns(tb);
  for (size_t i = 0; i < count; ++i) {
    qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(tb, i);
    uint32_t word;
    std::memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
    Translated* const translated = &sanitizer->instructions.emplace_back(
        Translated{qemu_plugin_insn_vaddr(insn), decode(word)});
    if (translated->instruction.opcode != Opcode::other)
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, QEMU_PLUGIN_CB_NO_REGS,
                                             translated);
    qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                     translated);
  }
  Block* const block = &sanitizer->blocks.emplace_back(
      Block{qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)),
            qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, count - 1))});
  qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

void on_exit(qemu_plugin_id_t, void*) {
  const std::lock_guard guard(sanitizer->mutex);
  sanitizer->reporter.finish(sanitizer->model.vectors());
}

}  // namespace
}  // namespace tlbsan

/// Arguments: out=FILE for the reports; spurious=fine if the kernel retries an access that faults
/// though the tables allow it; thread=sp_el0 if that, not TPIDR_EL1, is what it knows threads by.
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv) {
  using namespace tlbsan;
  if (std::strcmp(info->target_name, "aarch64") != 0 || !info->system_emulation)
    refuse("it is not qemu-system-aarch64");
  Habits habits;
  std::string out;
  for (int i = 0; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("out="))
      out = argument.substr(4);
    else if (argument == "spurious=fine")
      habits.retries_spurious_faults = true;
    else if (argument == "thread=sp_el0")
      habits.names_thread = Register::sp_el0;
    else
      refuse(("it was given the unknown argument " + argument).c_str());
  }
  const unsigned cpus = static_cast<unsigned>(info->system.max_vcpus);
  sanitizer = new Sanitizer(cpus, habits);
  if (!out.empty()) sanitizer->reporter.open(out.c_str());
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
  return 0;
}
