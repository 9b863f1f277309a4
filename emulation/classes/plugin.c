/* A QEMU plugin that counts the executed instructions of each class, for each owner.
 *
 * `map=FILE` has a line "first end owner" (hexadecimal, hexadecimal, decimal) for each function, by address, no two overlapping.  A block
 * that starts in a function changes who owns the time; blocks elsewhere (memcpy) belong to whoever called them.  `out=FILE` is as long as
 * uint64_t[owners][CLASSES]; it is mapped into memory, so that it holds the counts whichever way QEMU ends.
 *
 * A block is counted when it starts: exact for code that neither faults nor touches devices, as a model's does not. */
#include "qemu_plugin.h"
#include "thumb.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    uint64_t first;
    uint64_t end;
    int owner;
} function;

typedef struct {
    int owner; /* -1: as before */
    uint32_t counts[CLASSES];
} block;

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API_VERSION;

static function *functions;
static size_t function_count;
static uint64_t (*totals)[CLASSES];
static size_t owners;
static size_t current;

static int owner_of(uint64_t address)
{
    size_t low = 0;
    size_t high = function_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (address < functions[middle].end) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < function_count && address >= functions[low].first ? functions[low].owner : -1;
}

static void started(unsigned int cpu, void *data)
{
    const block *b = (const block *)data;
    (void)cpu;
    if (b->owner >= 0) {
        current = (size_t)b->owner;
    }
    for (int kind = 0; kind < CLASSES; ++kind) {
        totals[current][kind] += b->counts[kind];
    }
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    block *b = (block *)calloc(1, sizeof *b); /* kept for as long as QEMU may run the block: to its end */
    (void)id;
    if (b == NULL) {
        abort();
    }
    b->owner = owner_of(qemu_plugin_tb_vaddr(tb));
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); ++i) {
        const struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(tb, i);
        uint16_t halves[2] = {0, 0};
        const size_t bytes = qemu_plugin_insn_size(instruction);
        memcpy(halves, qemu_plugin_insn_data(instruction), bytes < sizeof halves ? bytes : sizeof halves);
        ++b->counts[thumb_class(halves[0], halves[1])];
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, started, PLUGIN_NO_REGISTERS, b);
}

static int read_map(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned long long first, end;
    int owner;
    if (file == NULL) {
        return -1;
    }
    while (fscanf(file, "%llx %llx %d", &first, &end, &owner) == 3) {
        function *grown = (function *)realloc(functions, (function_count + 1) * sizeof *functions);
        if (grown == NULL || owner < 0) {
            abort();
        }
        functions = grown;
        functions[function_count].first = first;
        functions[function_count].end = end;
        functions[function_count].owner = owner;
        ++function_count;
    }
    fclose(file);
    return 0;
}

static int map_totals(const char *path)
{
    struct stat status;
    const int file = open(path, O_RDWR);
    if (file < 0 || fstat(file, &status) != 0) {
        return -1;
    }
    owners = (size_t)status.st_size / sizeof *totals;
    void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    totals = (uint64_t(*)[CLASSES])memory;
    return memory == MAP_FAILED ? -1 : 0;
}

static int all_owners_fit(void)
{
    for (size_t i = 0; i < function_count; ++i) {
        if ((size_t)functions[i].owner >= owners) {
            return 0;
        }
    }
    return 1;
}

/* Until the first function of the map starts, the last owner has the time. */
PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    const char *map = NULL;
    const char *out = NULL;
    (void)info;
    for (int i = 0; i < argc; ++i) {
        if (strncmp(argv[i], "map=", 4) == 0) {
            map = argv[i] + 4;
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out = argv[i] + 4;
        }
    }
    if (map == NULL || out == NULL || read_map(map) != 0 || map_totals(out) != 0 || owners == 0 || !all_owners_fit()) {
        fputs("the counting plugin needs map=FILE and out=FILE\n", stderr);
        return -1;
    }
    current = owners - 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
