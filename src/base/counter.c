#include "base/counter.h"

const CounterInfo counter_infos[COUNTER_COUNT_] = {
#define X(id, name, kind, labels, help) {name, labels, help, COUNTER_KIND_##kind},
    COUNTER_LIST(X)
#undef X
};

CounterCell counter_cells[COUNTER_COUNT_] __attribute__((aligned(64)));
