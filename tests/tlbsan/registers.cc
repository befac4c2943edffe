// SPDX-License-Identifier: MIT
/// What barriers, TLBI and writes to registers do.
#include "tests/tlbsan/model.h"

namespace tlbsan {
namespace {

constexpr uint64_t kVectorsSize = 0x800, kVectorSize = 0x80;

}  // namespace

Model::Model(Machine& machine, Reporter& reporter, unsigned cpus, const Habits& habits)
    : machine_(machine),
      reporter_(reporter),
      habits_(habits),
      read_([&machine](uint64_t pa) {
        uint64_t word;
        machine.read_physical(pa, &word, sizeof(word));
        return word;
      }),
      read_last_seen_([this](uint64_t pa) {
        const Table* const table = tables_.find(frame_of(pa));
        return table && !table->is_dead ? table->words[pa >> 3 & 511] : read_(pa);
      }),
      tables_([&machine](uint64_t frame, Table::Words& words) {
        machine.read_physical(frame << 12, words.data(), sizeof(words));
      }),
      cpus_(cpus) {
  for (unsigned i = 0; i < cpus; ++i) cpus_[i].number = i, cpus_[i].context.thread = i;
}

void Model::begin_block(unsigned number, uint64_t pc) {
  Cpu& cpu = cpus_[number];
  const uint32_t pstate = machine_.pstate(number);
  cpu.el = pstate >> 2 & 3;
  cpu.pan = pstate >> 22 & 1;
  if (cpu.executed) {
    const Executed done = *cpu.executed;
    cpu.executed.reset();
    complete(cpu, done);
  }
  if (pc - cpu.vectors < kVectorsSize) take_exception(cpu, pc - cpu.vectors);
}

void Model::execute(unsigned number, const Instruction& instruction, uint64_t pc) {
  Cpu& cpu = cpus_[number];
  if (cpu.el == 0 && instruction.opcode != Opcode::dsb && instruction.opcode != Opcode::isb)
    return;  // it will trap
  if (instruction.tlbi.unknown) refuse("a TLBI of an unknown form");
  switch (instruction.opcode) {
    case Opcode::dsb:
      return barrier(cpu, instruction.dsb);
    case Opcode::isb:
      return synchronize(cpu);
    case Opcode::tlbi:
    case Opcode::eret:
    case Opcode::write_register:
      cpu.executed = Executed{instruction, pc};
      return;
    case Opcode::dc_zva:
      return tables_.store_unseen();
    case Opcode::other:
      return;
  }
}

void Model::complete(Cpu& cpu, const Executed& done) {
  const Instruction& instruction = done.instruction;
  const uint64_t operand = machine_.x(cpu.number, instruction.rt);
  if (instruction.opcode == Opcode::tlbi) return invalidate(cpu, done, operand);
  if (instruction.opcode == Opcode::write_register) return write_register(cpu, done, operand);
  return_from_exception(cpu, done.pc);
}

/// `vector` is where in the table it began: the lower half is for exceptions of the kernel's own.
void Model::take_exception(Cpu& cpu, uint64_t vector) {
  synchronize(cpu);
  if (vector % kVectorSize != 0) return;  // the rest of a handler that stands there
  unsigned& depth = cpu.context.depth;
  depth = vector < kVectorsSize / 2 ? depth + 1 : 0;
}

/// A thread that goes to EL0 has done what it had to.
void Model::return_from_exception(Cpu& cpu, uint64_t pc) {
  synchronize(cpu);
  unsigned& depth = cpu.context.depth;
  depth = cpu.el == 1 && depth != 0 ? depth - 1 : 0;
  if (cpu.el != 0) return;
  settled_by_thread_[cpu.context.thread] = changes_.size();
  check_asid(cpu, pc);
}

/// Each thread is as deep in exceptions as it was when it ran last.
void Model::switch_thread(Cpu& cpu, uint64_t thread) {
  if (!is_high(thread)) return;  // a register that programs use, too, and it is theirs now
  depth_of_thread_[cpu.context.thread] = cpu.context.depth;
  cpu.context = {thread, depth_of_thread_[thread]};
}

void Model::write_register(Cpu& cpu, const Executed& done, uint64_t value) {
  Regime& regime = cpu.regime;
  switch (done.instruction.target) {
    case Register::sctlr_el1:
      regime.sctlr = value;
      break;
    case Register::tcr_el1:
      regime.tcr = value;
      break;
    case Register::ttbr0_el1:
      regime.ttbr0 = value;
      cpu.asid_is_new = true;
      break;
    case Register::ttbr1_el1:
      regime.ttbr1 = value;
      break;
    case Register::vbar_el1:
      cpu.vectors = value;
      break;
    case Register::sctlr_el2:
      if (value & 1) refuse("EL2 translates, which the model does not know");
      break;
    case Register::hcr_el2:
      if (value & 1) refuse("there is a stage 2, which the model does not know");
      break;
    case Register::tpidr_el1:
    case Register::sp_el0:
      if (done.instruction.target == habits_.names_thread) switch_thread(cpu, value);
      return;
    case Register::other:
      return;
  }
  ++cpu.generation;
}

/// An ASID that comes back with other tables must have no entries left.
void Model::check_asid(Cpu& cpu, uint64_t pc) {
  if (!cpu.asid_is_new) return;
  cpu.asid_is_new = false;
  const uint16_t asid = cpu.regime.asid();
  const uint64_t root = cpu.regime.ttbr0 & 0xffff'ffff'fffe;
  uint64_t& last = cpu.root_of_asid[asid];
  if (last == root) return;
  last = root;
  cpu.tlb.for_each_of_asid(asid, [&](Entry& entry) {
    if (is_high(entry.va) || entry.root == root || entry.reported) return;
    entry.reported = true;
    reporter_.add({.kind = Kind::asid_reuse,
                   .cpu = cpu.number,
                   .el = cpu.el,
                   .pc = pc,
                   .va = entry.va,
                   .asid = asid,
                   .access = "asid",
                   .what = "entries of other tables",
                   .cached = entry.descriptor(),
                   .change = entry.changed,
                   .missing = "tlbi aside1is"});
  });
}

/// Is the invalidation for what this store changed? One that names no address may be for something
/// else, if another thread made the change and has been interrupted.
bool Model::is_meant(const Invalidation& invalidation, const Pending& pending) {
  if (names_addresses(invalidation)) return names(invalidation, pending.va);
  if (invalidation.form.by == TlbiBy::asid && pending.was_global) return false;
  return pending.change->by.thread == invalidation.by.thread;
}

void Model::invalidate(Cpu& cpu, const Executed& done, uint64_t operand) {
  const Tlbi& form = done.instruction.tlbi;
  if (form.by == TlbiBy::none) return;
  ++reporter_.counts.invalidations;
  // With 8-bit ASIDs the upper half of the field is ignored.
  if (!(cpu.regime.tcr >> 36 & 1)) operand &= ~(uint64_t{0xff} << 56);
  const Invalidation invalidation{form, operand, cpu.number, cpu.context};
  for (const Pending& pending : cpu.pending)
    if (!pending.ordered && pending.change->before & 1 && is_meant(invalidation, pending))
      reporter_.add({.kind = Kind::tlbi_before_dsb,
                     .cpu = cpu.number,
                     .el = cpu.el,
                     .pc = done.pc,
                     .va = pending.va,
                     .asid = cpu.regime.asid(),
                     .access = "tlbi",
                     .what = name_of(form),
                     .cached = pending.change->before,
                     .now = pending.change->after,
                     .change = pending.change,
                     .missing = "dsb ishst"});
  cpu.open.push_back(invalidation);
  for (Cpu& target : cpus_) {
    if (!form.shareable && target.number != cpu.number) continue;
    target.tlb.for_each_covered(invalidation,
                                [&](Entry& entry) { entry.invalidating |= 1u << cpu.number; });
  }
  forget_known();
}

/// Would a walk at this moment bring the entry back? Then an invalidation is no reason to drop it.
bool Model::comes_back(const Cpu& cpu, const Entry& entry) const {
  if (entry.changed || !cpu.regime.mmu_is_on()) return false;
  const bool current = entry.root == (cpu.regime.ttbr(is_high(entry.va)) & 0xffff'ffff'fffe);
  return current && entry.matches(cpu.regime.asid());
}

void Model::complete_invalidation(const Invalidation& invalidation) {
  const uint32_t bit = 1u << invalidation.cpu;
  for (Cpu& cpu : cpus_) {
    const bool reaches = invalidation.form.shareable || cpu.number == invalidation.cpu;
    cpu.tlb.remove_covered(invalidation, [&](Entry& entry) {
      if (!reaches && entry.changed && entry.changed->by == invalidation.by)
        settled_.insert(entry.changed);
      if (!reaches || !(entry.invalidating & bit)) return false;
      entry.invalidating &= ~bit;
      return !comes_back(cpu, entry);
    });
  }
}

void Model::barrier(Cpu& cpu, const Dsb& dsb) {
  if (dsb.stores)
    for (Pending& pending : cpu.pending) pending.ordered = true;
  if (!dsb.all || cpu.open.empty()) return;
  std::vector<Invalidation> still_open;
  for (const Invalidation& invalidation : cpu.open) {
    if (invalidation.form.shareable && !dsb.shareable)
      still_open.push_back(invalidation);
    else
      complete_invalidation(invalidation);
  }
  cpu.open = std::move(still_open);
  forget_known();
}

/// A context synchronization event: ISB, an exception, or a return from one.
void Model::synchronize(Cpu& cpu) {
  std::erase_if(cpu.pending, [](const Pending& pending) { return pending.ordered; });
}

}  // namespace tlbsan
