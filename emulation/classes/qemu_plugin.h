/* The part of QEMU's plugin interface that plugin.c uses; Debian's packages of QEMU bring no header.
 *
 * Source of facts: "QEMU TCG Plugins" in QEMU 7.2's developer documentation and its list of exported symbols; interface version 1. */
#ifndef TINYC_QEMU_PLUGIN_H
#define TINYC_QEMU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))
#define PLUGIN_API_VERSION 1

enum plugin_registers { PLUGIN_NO_REGISTERS };

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

/* A block was translated; a block is about to run. */
typedef void (*plugin_translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*plugin_started)(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, plugin_translated callback);
void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *tb, plugin_started callback, enum plugin_registers registers, void *data);

uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);

#endif
